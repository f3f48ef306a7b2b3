/*
prefix: pg_stat_wal_
requires: {server: ">=140000,<180000"}
columns: by name
metrics:
  records_total: {counter: WAL records., column: wal_records}
  fpi_total: {counter: Full images of pages in the WAL., column: wal_fpi}
  bytes_total: {counter: Bytes of WAL., column: wal_bytes}
  buffers_full_total: {counter: Times that WAL was written because its buffers were full., column: wal_buffers_full}
  writes_total: {counter: Times that WAL was written., column: wal_write}
  syncs_total: {counter: Times that WAL was synced., column: wal_sync}
  write_seconds_total: {counter: "Seconds spent writing WAL; 0 unless track_wal_io_timing is on.", column: wal_write_time, scale: 0.001}
  sync_seconds_total: {counter: "Seconds spent syncing WAL; 0 unless track_wal_io_timing is on.", column: wal_sync_time, scale: 0.001}
  stats_reset_timestamp_seconds: {gauge: "Time of the last reset of these statistics, in seconds since the epoch.", column: stats_reset}
*/
SELECT w.*
  FROM pg_catalog.pg_stat_wal w
