/*
prefix: pg_stat_progress_cluster_
clock: 30s
labels: [datname, relname, command, phase]
metrics:
  heap_blks: {gauge: Blocks of the table that CLUSTER or VACUUM FULL writes anew.}
  heap_blks_scanned: {gauge: Blocks that were read.}
  heap_tuples_scanned: {gauge: Rows that were read.}
  heap_tuples_written: {gauge: Rows that were written.}
  index_rebuilds: {gauge: Indexes that were made anew.}
*/
SELECT p.datname,
       coalesce(CASE WHEN n.nspname = 'public' THEN c.relname::pg_catalog.text ELSE n.nspname || '.' || c.relname END,
                p.relid::pg_catalog.text),
       p.command, p.phase, p.heap_blks_total, p.heap_blks_scanned, p.heap_tuples_scanned, p.heap_tuples_written,
       p.index_rebuild_count
  FROM pg_catalog.pg_stat_progress_cluster p
  LEFT JOIN (pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace)
         ON c.oid = p.relid AND p.datname = pg_catalog.current_database()
