/*
prefix: pg_statio_user_indexes_
scope: database
labels: [datname, schemaname, relname, indexrelname]
enabled: false
metrics:
  idx_blks_read_total: {counter: Disk blocks read from this index.}
  idx_blks_hit_total: {counter: Buffer hits in this index.}
*/
SELECT pg_catalog.current_database() AS datname, schemaname, relname, indexrelname, idx_blks_read, idx_blks_hit
  FROM pg_catalog.pg_statio_user_indexes
