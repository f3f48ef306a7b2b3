/*
prefix: pg_replication_slots_
labels: [slot_name, database]
columns: by name
metrics:
  active: {gauge: Whether somebody uses the slot now.}
  pg_wal_lsn_diff: {gauge: Bytes of WAL that the slot keeps from being removed.}
  xmin_age: {gauge: Age in transactions of the oldest row version that the slot keeps from being vacuumed.}
  catalog_xmin_age: {gauge: Age in transactions of the oldest row version in catalogues that the slot keeps from being vacuumed.}
  inactive_since_timestamp_seconds: {gauge: "Since when nobody uses the slot, in seconds since the epoch; from PostgreSQL 17 on.", column: inactive_since}
  conflicting: {gauge: "Whether a logical slot was given up because of a conflict with recovery; from PostgreSQL 16 on."}
*/
SELECT s.*,
       pg_catalog.pg_wal_lsn_diff(w.lsn, s.restart_lsn)::pg_catalog.float8 AS pg_wal_lsn_diff,
       pg_catalog.age(s.xmin) AS xmin_age,
       pg_catalog.age(s.catalog_xmin) AS catalog_xmin_age
  FROM pg_catalog.pg_replication_slots s
 CROSS JOIN (SELECT CASE WHEN pg_catalog.pg_is_in_recovery()
                         THEN coalesce(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn())
                         ELSE pg_catalog.pg_current_wal_lsn()
                    END AS lsn) w
