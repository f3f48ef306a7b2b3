/*
prefix: pg_replication_
metrics:
  lag_seconds: {gauge: "Seconds that a standby's replay is behind; 0 on a primary and when all that came is replayed."}
  is_replica: {gauge: Whether the server is a standby.}
  last_replay_seconds: {gauge: Age of the newest replayed transaction in seconds.}
*/
SELECT CASE
           WHEN NOT pg_catalog.pg_is_in_recovery() THEN 0
           WHEN pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn() THEN 0
           ELSE greatest(0, extract(epoch FROM pg_catalog.now() - pg_catalog.pg_last_xact_replay_timestamp()))
       END::pg_catalog.float8,
       pg_catalog.pg_is_in_recovery()::pg_catalog.int4,
       greatest(0, extract(epoch FROM pg_catalog.now() - pg_catalog.pg_last_xact_replay_timestamp()))::pg_catalog.float8
