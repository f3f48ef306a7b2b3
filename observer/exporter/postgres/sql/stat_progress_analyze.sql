/*
prefix: pg_stat_progress_analyze_
clock: 30s
labels: [datname, relname, phase]
metrics:
  sample_blks: {gauge: Blocks of the table that will be sampled.}
  sample_blks_scanned: {gauge: Blocks that were sampled.}
  ext_stats: {gauge: Extended statistics to compute.}
  ext_stats_computed: {gauge: Extended statistics that were computed.}
  child_tables: {gauge: Children of the table to go through.}
  child_tables_done: {gauge: Children that were gone through.}
*/
SELECT p.datname,
       coalesce(CASE WHEN n.nspname = 'public' THEN c.relname::pg_catalog.text ELSE n.nspname || '.' || c.relname END,
                p.relid::pg_catalog.text),
       p.phase, p.sample_blks_total, p.sample_blks_scanned, p.ext_stats_total, p.ext_stats_computed,
       p.child_tables_total, p.child_tables_done
  FROM pg_catalog.pg_stat_progress_analyze p
  LEFT JOIN (pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace)
         ON c.oid = p.relid AND p.datname = pg_catalog.current_database()
