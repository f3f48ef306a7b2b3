/*
prefix: pg_stat_user_indexes_
scope: database
clock: 1m
labels: [datname, schemaname, relname, indexrelname]
metrics:
  idx_scan_total: {counter: Scans of this index.}
  idx_tup_read_total: {counter: Entries that scans of this index returned.}
  idx_tup_fetch_total: {counter: Live rows that simple scans of this index fetched.}
*/
SELECT pg_catalog.current_database() AS datname, schemaname, relname, indexrelname,
       idx_scan, idx_tup_read, idx_tup_fetch
  FROM pg_catalog.pg_stat_user_indexes
