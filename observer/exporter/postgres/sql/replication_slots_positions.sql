/*
prefix: pg_
labels: [slot_name, slot_type]
metrics:
  replication_slots_slot_current_wal_lsn: {gauge: "WAL position of the server, in bytes since its beginning."}
  replication_slots_slot_confirmed_flush_lsn: {gauge: "WAL position up to which a slot in use was confirmed, in bytes."}
  replication_slots_slot_is_active: {gauge: Whether somebody uses the slot now.}
  replication_slots_safe_wal_size_bytes: {gauge: Bytes of WAL that can still be written before the slot may be lost; none where nothing limits it.}
  replication_slot_slot_current_wal_lsn: {gauge: "As pg_replication_slots_slot_current_wal_lsn, by its name before 0.20."}
  replication_slot_slot_confirmed_flush_lsn: {gauge: "As pg_replication_slots_slot_confirmed_flush_lsn, by its name before 0.20."}
  replication_slot_slot_is_active: {gauge: "As pg_replication_slots_slot_is_active, by its name before 0.20."}
  replication_slot_safe_wal_size_bytes: {gauge: "As pg_replication_slots_safe_wal_size_bytes, by its name before 0.20."}
*/
SELECT s.slot_name, s.slot_type,
       w.lsn, s.confirmed, s.active, s.safe_wal_size,
       w.lsn, s.confirmed, s.active, s.safe_wal_size
  FROM (SELECT slot_name, slot_type, active::pg_catalog.int4 AS active, safe_wal_size,
               CASE WHEN active
                    THEN pg_catalog.pg_wal_lsn_diff(coalesce(confirmed_flush_lsn, '0/0'), '0/0')::pg_catalog.float8
               END AS confirmed
          FROM pg_catalog.pg_replication_slots) s
 CROSS JOIN (SELECT pg_catalog.pg_wal_lsn_diff(
                        CASE WHEN pg_catalog.pg_is_in_recovery()
                             THEN coalesce(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn())
                             ELSE pg_catalog.pg_current_wal_lsn()
                        END, '0/0')::pg_catalog.float8 AS lsn) w
