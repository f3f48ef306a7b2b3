/*
prefix: pg_
metrics:
  xlog_location_bytes: {gauge: "WAL position that a primary writes at and a standby has replayed up to, in bytes since the beginning."}
  wal_lsn_location_bytes: {gauge: "The same as pg_xlog_location_bytes, by the name that goes with pg_wal_size_bytes."}
*/
SELECT w.position, w.position
  FROM (SELECT pg_catalog.pg_wal_lsn_diff(
                   CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
                        ELSE pg_catalog.pg_current_wal_lsn()
                   END, '0/0')::pg_catalog.float8 AS position) w
