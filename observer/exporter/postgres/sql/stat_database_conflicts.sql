/*
prefix: pg_stat_database_conflicts_
labels: [datid, datname]
columns: by name
metrics:
  confl_tablespace: {counter: Queries cancelled on a standby because of dropped tablespaces.}
  confl_lock: {counter: Queries cancelled on a standby because of lock time-outs.}
  confl_snapshot: {counter: Queries cancelled on a standby because of old snapshots.}
  confl_bufferpin: {counter: Queries cancelled on a standby because of pinned buffers.}
  confl_deadlock: {counter: Queries cancelled on a standby because of deadlocks.}
  confl_active_logicalslot: {counter: "Uses of logical slots cancelled on a standby because the primary's wal_level fell or rows were vacuumed; from PostgreSQL 16 on."}
*/
SELECT c.*
  FROM pg_catalog.pg_stat_database_conflicts c
 WHERE c.datname IS NOT NULL
