/*
prefix: pg_stat_io_
labels: [backend_type, object, context]
requires: {server: ">=160000"}
columns: by name
metrics:
  reads_total: {counter: Reads., column: reads}
  read_bytes_total: {counter: Bytes read., column: bytes_read}
  read_seconds_total: {counter: "Seconds spent reading; 0 unless track_io_timing is on.", column: read_time, scale: 0.001}
  writes_total: {counter: Writes., column: writes}
  write_bytes_total: {counter: Bytes written., column: bytes_written}
  write_seconds_total: {counter: "Seconds spent writing; 0 unless track_io_timing is on.", column: write_time, scale: 0.001}
  writebacks_total: {counter: Blocks that the kernel was asked to write out., column: writebacks}
  writeback_seconds_total: {counter: "Seconds spent asking it; 0 unless track_io_timing is on.", column: writeback_time, scale: 0.001}
  extends_total: {counter: Times that a relation was extended., column: extends}
  extend_bytes_total: {counter: Bytes by which relations were extended., column: bytes_extended}
  extend_seconds_total: {counter: "Seconds spent extending; 0 unless track_io_timing is on.", column: extend_time, scale: 0.001}
  hits_total: {counter: Blocks that were found in shared buffers., column: hits}
  evictions_total: {counter: Blocks that had to leave shared buffers or a ring for another., column: evictions}
  reuses_total: {counter: Buffers of a ring that were used again., column: reuses}
  fsyncs_total: {counter: Times that a file had to be synced., column: fsyncs}
  fsync_seconds_total: {counter: "Seconds spent syncing; 0 unless track_io_timing is on.", column: fsync_time, scale: 0.001}
*/
-- Up to PostgreSQL 17 all operations are of one size, and only their number is told. A name that the view lacks in
-- this version is that of "missing".
SELECT i.*
  FROM (VALUES (NULL::pg_catalog.int8, NULL::pg_catalog.numeric, NULL::pg_catalog.numeric, NULL::pg_catalog.numeric))
       AS missing(op_bytes, read_bytes, write_bytes, extend_bytes)
 CROSS JOIN LATERAL (
       SELECT v.*,
              coalesce(read_bytes, v.reads * op_bytes) AS bytes_read,
              coalesce(write_bytes, v.writes * op_bytes) AS bytes_written,
              coalesce(extend_bytes, v.extends * op_bytes) AS bytes_extended
         FROM pg_catalog.pg_stat_io v) i
