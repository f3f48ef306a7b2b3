/*
prefix: pg_stat_database_
labels: [datid, datname]
columns: by name
metrics:
  numbackends: {gauge: Backends connected to this database now.}
  xact_commit: {counter: Transactions in this database that were committed.}
  xact_rollback: {counter: Transactions in this database that were rolled back.}
  blks_read: {counter: Disk blocks read in this database.}
  blks_hit: {counter: "Blocks found in the buffer cache of the server, so that no read was needed."}
  tup_returned: {counter: Rows returned by queries in this database.}
  tup_fetched: {counter: Rows fetched by queries in this database.}
  tup_inserted: {counter: Rows inserted by queries in this database.}
  tup_updated: {counter: Rows updated by queries in this database.}
  tup_deleted: {counter: Rows deleted by queries in this database.}
  conflicts: {counter: "Queries cancelled because of conflicts with recovery; standbys only."}
  temp_files: {counter: Temporary files that queries in this database made.}
  temp_bytes: {counter: Bytes written to temporary files by queries in this database.}
  deadlocks: {counter: Deadlocks detected in this database.}
  blk_read_time: {counter: "Milliseconds that backends spent reading data files; 0 unless track_io_timing is on."}
  blk_write_time: {counter: "Milliseconds that backends spent writing data files; 0 unless track_io_timing is on."}
  stats_reset: {counter: "Time of the last reset of these statistics, in seconds since the epoch.", column: reset}
  active_time_seconds_total: {counter: Seconds that sessions spent executing statements in this database., column: active_time, scale: 0.001}
  session_time_seconds_total: {counter: Seconds that sessions of this database lasted., column: session_time, scale: 0.001}
  idle_in_transaction_time_seconds_total: {counter: Seconds that sessions of this database were idle in a transaction., column: idle_in_transaction_time, scale: 0.001}
  sessions_total: {counter: Sessions that were begun in this database., column: sessions}
  sessions_abandoned_total: {counter: Sessions of this database that ended because the client was lost., column: sessions_abandoned}
  sessions_fatal_total: {counter: Sessions of this database that ended because of a fatal error., column: sessions_fatal}
  sessions_killed_total: {counter: Sessions of this database that were ended by an operator., column: sessions_killed}
  parallel_workers_to_launch_total: {counter: "Parallel workers that queries in this database planned; from PostgreSQL 18 on.", column: parallel_workers_to_launch}
  parallel_workers_launched_total: {counter: "Parallel workers that queries in this database got; from PostgreSQL 18 on.", column: parallel_workers_launched}
*/
SELECT d.*, coalesce(extract(epoch FROM d.stats_reset), 0)::pg_catalog.float8 AS reset
  FROM pg_catalog.pg_stat_database d
 WHERE d.datname IS NOT NULL
