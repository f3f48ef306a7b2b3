/*
prefix: pg_wal_
clock: 1m
metrics:
  segments: {gauge: WAL files on disk.}
  size_bytes: {gauge: Disk space of the WAL files in bytes.}
*/
SELECT count(*), coalesce(sum(f.size), 0)::pg_catalog.int8
  FROM pg_catalog.pg_ls_waldir() f
 WHERE f.name ~ '^[0-9A-F]{24}$'
