/*
prefix: pg_replication_
metrics:
  lag_seconds: {gauge: "Seconds that a standby's replay is behind; 0 on a primary and when all that came is replayed."}
  lag: {gauge: "The same as pg_replication_lag_seconds, by the name that older rules ask for."}
  is_replica: {gauge: Whether the server is a standby.}
  last_replay_seconds: {gauge: Age of the newest replayed transaction in seconds.}
  standbys: {gauge: Standbys and subscribers that receive WAL from this server now.}
  is_receiving: {gauge: Whether WAL is streamed to this server now; standbys only.}
  replay_paused: {gauge: Whether somebody paused replay; standbys only.}
*/
SELECT r.lag, r.lag, r.is_standby::pg_catalog.int4, greatest(0, r.age), r.standbys,
       CASE WHEN r.is_standby THEN (SELECT count(*) FROM pg_catalog.pg_stat_wal_receiver w WHERE w.status = 'streaming') END,
       CASE WHEN r.is_standby THEN pg_catalog.pg_is_wal_replay_paused()::pg_catalog.int4 END
  FROM (SELECT s.is_standby, s.age, s.standbys,
               CASE
                   WHEN NOT s.is_standby THEN 0
                   WHEN pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn() THEN 0
                   ELSE greatest(0, s.age)
               END::pg_catalog.float8 AS lag
          FROM (SELECT pg_catalog.pg_is_in_recovery() AS is_standby,
                       extract(epoch FROM pg_catalog.now() - pg_catalog.pg_last_xact_replay_timestamp())::pg_catalog.float8
                           AS age,
                       (SELECT count(*) FROM pg_catalog.pg_stat_replication p WHERE p.state IN ('streaming', 'catchup'))
                           AS standbys) s) r
