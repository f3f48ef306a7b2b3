/*
prefix: pg_archive_
clock: 1m
metrics:
  ready_files: {gauge: WAL files that wait for being archived.}
*/
SELECT count(*)
  FROM pg_catalog.pg_ls_archive_statusdir() f
 WHERE f.name LIKE '%.ready'
