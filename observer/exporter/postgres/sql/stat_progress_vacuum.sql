/*
prefix: pg_stat_progress_vacuum_
labels: [datname, relname]
columns: by name
metrics:
  heap_blks: {gauge: Blocks of the table that is being vacuumed., column: heap_blks_total}
  heap_blks_scanned: {gauge: Blocks that were scanned.}
  heap_blks_vacuumed: {gauge: Blocks that were vacuumed.}
  index_vacuums: {gauge: Times that the indexes were gone through., column: index_vacuum_count}
  max_dead_tuples: {gauge: "Dead rows that fit into memory before the indexes must be gone through; up to PostgreSQL 16."}
  num_dead_tuples: {gauge: Dead rows found since the indexes were gone through last., column: dead}
  max_dead_tuple_bytes: {gauge: "Memory for dead rows, in bytes; from PostgreSQL 17 on."}
  dead_tuple_bytes: {gauge: "Memory that dead rows take, in bytes; from PostgreSQL 17 on."}
  indexes: {gauge: "Indexes to go through; from PostgreSQL 17 on.", column: indexes_total}
  indexes_processed: {gauge: "Indexes gone through in this round; from PostgreSQL 17 on."}
  delay_seconds: {gauge: "Seconds that it slept to spare others; from PostgreSQL 18 on, where track_cost_delay_timing is on.", column: delay_time, scale: 0.001}
*/
-- PostgreSQL 17 counts dead rows under another name: a name that the view lacks in this version is that of "missing".
-- Names of other databases are not to be had here, and oids of theirs may be ours too.
SELECT p.*,
       coalesce(CASE WHEN n.nspname = 'public' THEN c.relname::pg_catalog.text ELSE n.nspname || '.' || c.relname END,
                p.relid::pg_catalog.text) AS relname
  FROM (VALUES (NULL::pg_catalog.int8, NULL::pg_catalog.int8)) AS missing(num_dead_tuples, num_dead_item_ids)
 CROSS JOIN LATERAL (
       SELECT v.*, coalesce(num_dead_tuples, num_dead_item_ids) AS dead
         FROM pg_catalog.pg_stat_progress_vacuum v) p
  LEFT JOIN (pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace)
         ON c.oid = p.relid AND p.datname = pg_catalog.current_database()
