/*
prefix: pg_stat_database_conflicts_
labels: [datid, datname]
metrics:
  confl_tablespace: {counter: Queries cancelled on a standby because of dropped tablespaces.}
  confl_lock: {counter: Queries cancelled on a standby because of lock time-outs.}
  confl_snapshot: {counter: Queries cancelled on a standby because of old snapshots.}
  confl_bufferpin: {counter: Queries cancelled on a standby because of pinned buffers.}
  confl_deadlock: {counter: Queries cancelled on a standby because of deadlocks.}
*/
SELECT datid::pg_catalog.int8, datname, confl_tablespace, confl_lock, confl_snapshot, confl_bufferpin, confl_deadlock
  FROM pg_catalog.pg_stat_database_conflicts
 WHERE datname IS NOT NULL
