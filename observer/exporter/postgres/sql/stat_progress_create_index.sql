/*
prefix: pg_stat_progress_create_index_
clock: 30s
labels: [datname, relname, command, phase]
metrics:
  lockers: {gauge: Transactions that it must wait for in this phase.}
  lockers_done: {gauge: Transactions that it has waited for.}
  blocks: {gauge: Blocks to go through in this phase.}
  blocks_done: {gauge: Blocks gone through.}
  tuples: {gauge: Rows to go through in this phase.}
  tuples_done: {gauge: Rows gone through.}
  partitions: {gauge: Partitions on which an index is to be made.}
  partitions_done: {gauge: Partitions that have theirs.}
*/
SELECT p.datname,
       coalesce(CASE WHEN n.nspname = 'public' THEN c.relname::pg_catalog.text ELSE n.nspname || '.' || c.relname END,
                p.relid::pg_catalog.text),
       p.command, p.phase, p.lockers_total, p.lockers_done, p.blocks_total, p.blocks_done, p.tuples_total,
       p.tuples_done, p.partitions_total, p.partitions_done
  FROM pg_catalog.pg_stat_progress_create_index p
  LEFT JOIN (pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace)
         ON c.oid = p.relid AND p.datname = pg_catalog.current_database()
