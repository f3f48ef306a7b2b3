/*
scope: database
prefix: pg_statio_user_tables_
labels: [datname, schemaname, relname]
metrics:
  heap_blocks_read: {counter: Disk blocks read from this table.}
  heap_blocks_hit: {counter: Buffer hits in this table.}
  idx_blocks_read: {counter: Disk blocks read from all indexes of this table.}
  idx_blocks_hit: {counter: Buffer hits in all indexes of this table.}
  toast_blocks_read: {counter: Disk blocks read from the TOAST table.}
  toast_blocks_hit: {counter: Buffer hits in the TOAST table.}
  tidx_blocks_read: {counter: Disk blocks read from the index of the TOAST table.}
  tidx_blocks_hit: {counter: Buffer hits in the index of the TOAST table.}
*/
SELECT pg_catalog.current_database() AS datname, schemaname, relname,
       coalesce(heap_blks_read, 0), coalesce(heap_blks_hit, 0), coalesce(idx_blks_read, 0), coalesce(idx_blks_hit, 0),
       coalesce(toast_blks_read, 0), coalesce(toast_blks_hit, 0), coalesce(tidx_blks_read, 0), coalesce(tidx_blks_hit, 0)
  FROM pg_catalog.pg_statio_user_tables
