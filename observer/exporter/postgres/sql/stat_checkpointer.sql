/*
prefix: pg_stat_checkpointer_
requires: {server: ">=170000"}
columns: by name
metrics:
  num_timed_total: {counter: Checkpoints that came by time., column: num_timed}
  num_requested_total: {counter: Checkpoints that were asked for or forced by WAL., column: num_requested}
  num_done_total: {counter: "Checkpoints that were made; those for which there was nothing to do are none. From PostgreSQL 18 on.", column: num_done}
  restartpoints_timed_total: {counter: Restartpoints that came by time., column: restartpoints_timed}
  restartpoints_req_total: {counter: Restartpoints that were asked for., column: restartpoints_req}
  restartpoints_done_total: {counter: Restartpoints that were made., column: restartpoints_done}
  write_time_total: {counter: Milliseconds that checkpoints and restartpoints spent writing., column: write_time}
  sync_time_total: {counter: Milliseconds that checkpoints and restartpoints spent syncing., column: sync_time}
  buffers_written_total: {counter: Buffers written during checkpoints and restartpoints., column: buffers_written}
  slru_written_total: {counter: "Buffers of small caches written during checkpoints and restartpoints; from PostgreSQL 18 on.", column: slru_written}
  stats_reset_total: {counter: "Time of the last reset of these statistics, in seconds since the epoch.", column: stats_reset}
*/
SELECT c.*
  FROM pg_catalog.pg_stat_checkpointer c
