/*
prefix: pg_stat_progress_copy_
clock: 30s
labels: [datname, relname, command, type]
columns: by name
metrics:
  bytes: {gauge: "Bytes of the file that is copied from; 0 where that is not known.", column: bytes_total}
  bytes_processed: {gauge: Bytes that were copied.}
  tuples_processed: {gauge: Rows that were copied.}
  tuples_excluded: {gauge: Rows that the WHERE clause left out.}
  tuples_skipped: {gauge: "Rows that were left out because they are malformed; from PostgreSQL 17 on."}
*/
SELECT p.*,
       coalesce(CASE WHEN n.nspname = 'public' THEN c.relname::pg_catalog.text ELSE n.nspname || '.' || c.relname END,
                p.relid::pg_catalog.text) AS relname
  FROM pg_catalog.pg_stat_progress_copy p
  LEFT JOIN (pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace)
         ON c.oid = p.relid AND p.datname = pg_catalog.current_database()
