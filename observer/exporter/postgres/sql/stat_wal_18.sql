/*
collector: stat_wal
prefix: pg_stat_wal_
requires: {server: ">=180000"}
columns: by name
metrics:
  records_total: {counter: WAL records., column: wal_records}
  fpi_total: {counter: Full images of pages in the WAL., column: wal_fpi}
  bytes_total: {counter: Bytes of WAL., column: wal_bytes}
  buffers_full_total: {counter: Times that WAL was written because its buffers were full., column: wal_buffers_full}
  writes_total: {counter: Times that WAL was written., column: writes}
  syncs_total: {counter: Times that WAL was synced., column: syncs}
  write_seconds_total: {counter: "Seconds spent writing WAL; 0 unless track_wal_io_timing is on.", column: write_time, scale: 0.001}
  sync_seconds_total: {counter: "Seconds spent syncing WAL; 0 unless track_wal_io_timing is on.", column: sync_time, scale: 0.001}
  stats_reset_timestamp_seconds: {gauge: "Time of the last reset of these statistics, in seconds since the epoch.", column: stats_reset}
*/
-- PostgreSQL 18 tells writes and syncs in pg_stat_io alone.
SELECT w.*, i.*
  FROM pg_catalog.pg_stat_wal w
 CROSS JOIN (SELECT sum(writes)::pg_catalog.int8 AS writes, sum(fsyncs)::pg_catalog.int8 AS syncs,
                    sum(write_time) AS write_time, sum(fsync_time) AS sync_time
               FROM pg_catalog.pg_stat_io
              WHERE object = 'wal') i
