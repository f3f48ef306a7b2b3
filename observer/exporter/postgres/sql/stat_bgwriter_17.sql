/*
collector: stat_bgwriter
prefix: pg_stat_bgwriter_
requires: {server: ">=170000"}
metrics:
  checkpoints_timed_total: {counter: Checkpoints that came by time.}
  checkpoints_req_total: {counter: Checkpoints that were asked for or forced by WAL.}
  checkpoint_write_time_total: {counter: Milliseconds that checkpoints spent writing.}
  checkpoint_sync_time_total: {counter: Milliseconds that checkpoints spent syncing.}
  buffers_checkpoint_total: {counter: Buffers written during checkpoints.}
  buffers_clean_total: {counter: Buffers written by the background writer.}
  maxwritten_clean_total: {counter: Times that the background writer stopped because it had written too many.}
  buffers_backend_total: {counter: Buffers written by backends themselves.}
  buffers_backend_fsync_total: {counter: Times that a backend had to sync itself.}
  buffers_alloc_total: {counter: Buffers allocated.}
  stats_reset_total: {counter: "Time of the last reset of these statistics, in seconds since the epoch."}
*/
-- PostgreSQL 17 moved most of these to other views; dashboards go on asking for them here. pg_stat_io tells blocks up
-- to 17 and bytes from 18 on: a name that it lacks in this version is that of "missing".
SELECT c.num_timed, c.num_requested, c.write_time, c.sync_time, c.buffers_written,
       b.buffers_clean, b.maxwritten_clean, io.written, io.synced, b.buffers_alloc,
       extract(epoch FROM b.stats_reset)::pg_catalog.float8
  FROM pg_catalog.pg_stat_checkpointer c
 CROSS JOIN pg_catalog.pg_stat_bgwriter b
 CROSS JOIN (VALUES (NULL::pg_catalog.numeric, NULL::pg_catalog.numeric)) AS missing(write_bytes, extend_bytes)
 CROSS JOIN LATERAL (
       SELECT sum(coalesce((write_bytes + coalesce(extend_bytes, 0))
                               / pg_catalog.current_setting('block_size')::pg_catalog.int4,
                           v.writes + coalesce(v.extends, 0)))::pg_catalog.int8 AS written,
              sum(v.fsyncs)::pg_catalog.int8 AS synced
         FROM pg_catalog.pg_stat_io v
        WHERE v.object = 'relation'
          AND v.backend_type NOT IN ('checkpointer', 'background writer')) io
