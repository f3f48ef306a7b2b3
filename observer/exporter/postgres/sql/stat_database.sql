/*
prefix: pg_stat_database_
labels: [datid, datname]
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
  stats_reset: {counter: "Time of the last reset of these statistics, in seconds since the epoch."}
  active_time_seconds_total: {counter: Seconds that sessions spent executing statements in this database.}
*/
SELECT d.datid::pg_catalog.int8, d.datname,
       d.numbackends, d.xact_commit, d.xact_rollback, d.blks_read, d.blks_hit,
       d.tup_returned, d.tup_fetched, d.tup_inserted, d.tup_updated, d.tup_deleted,
       d.conflicts, d.temp_files, d.temp_bytes, d.deadlocks, d.blk_read_time, d.blk_write_time,
       coalesce(extract(epoch FROM d.stats_reset), 0)::pg_catalog.float8,
       d.active_time / 1000.0::pg_catalog.float8
  FROM pg_catalog.pg_stat_database d
 WHERE d.datname IS NOT NULL
