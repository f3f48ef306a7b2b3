/*
prefix: pg_stat_archiver_
metrics:
  archived_count: {counter: WAL files that were archived.}
  failed_count: {counter: Attempts to archive that failed.}
  last_archive_age: {gauge: Seconds since the last WAL file was archived.}
  last_failed_age: {gauge: Seconds since the last attempt to archive that failed.}
*/
SELECT archived_count, failed_count,
       extract(epoch FROM pg_catalog.now() - last_archived_time)::pg_catalog.float8,
       extract(epoch FROM pg_catalog.now() - last_failed_time)::pg_catalog.float8
  FROM pg_catalog.pg_stat_archiver
