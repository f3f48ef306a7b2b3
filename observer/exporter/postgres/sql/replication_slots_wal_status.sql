/*
prefix: pg_
labels: [slot_name, slot_type, wal_status]
metrics:
  replication_slots_wal_status: {gauge: "Always 1; the label says whether the WAL that the slot needs is there: reserved, extended, unreserved or lost."}
  replication_slot_wal_status: {gauge: "As pg_replication_slots_wal_status, by its name before 0.20."}
*/
SELECT s.slot_name, s.slot_type, s.wal_status, 1, 1
  FROM pg_catalog.pg_replication_slots s
 WHERE s.wal_status IS NOT NULL
