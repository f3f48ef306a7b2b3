/*
prefix: pg_stat_bgwriter_
requires: {server: "<170000"}
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
SELECT checkpoints_timed, checkpoints_req, checkpoint_write_time, checkpoint_sync_time, buffers_checkpoint,
       buffers_clean, maxwritten_clean, buffers_backend, buffers_backend_fsync, buffers_alloc,
       extract(epoch FROM stats_reset)::pg_catalog.float8
  FROM pg_catalog.pg_stat_bgwriter
