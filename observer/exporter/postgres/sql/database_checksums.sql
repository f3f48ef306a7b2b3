/*
prefix: pg_stat_database_checksum_
clock: 1m
labels: [datname]
metrics:
  failures_total: {counter: "Pages of this database whose checksum was wrong; those of shared catalogues have no name. None where checksums are off."}
  last_failure_timestamp_seconds: {gauge: "When that happened last, in seconds since the epoch; 0 for never."}
*/
SELECT d.datname, d.checksum_failures,
       CASE WHEN d.checksum_failures IS NOT NULL
            THEN coalesce(extract(epoch FROM d.checksum_last_failure), 0)::pg_catalog.float8
       END
  FROM pg_catalog.pg_stat_database d
