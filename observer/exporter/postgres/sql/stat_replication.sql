/*
prefix: pg_stat_replication_
labels: [application_name, client_addr, state, slot_name]
metrics:
  pg_current_wal_lsn_bytes: {gauge: "WAL position of this server, in bytes since its beginning."}
  pg_wal_lsn_diff: {gauge: Bytes of WAL that this receiver has not replayed.}
  sent_lag_bytes: {gauge: Bytes of WAL that were not sent to this receiver.}
  write_lag_bytes: {gauge: Bytes of WAL that this receiver has not written.}
  flush_lag_bytes: {gauge: Bytes of WAL that this receiver has not made durable.}
  write_lag_seconds: {gauge: Seconds from flushing WAL here to hearing that it was written there; 0 when nothing is to be sent.}
  flush_lag_seconds: {gauge: Seconds from flushing WAL here to hearing that it is durable there; 0 when nothing is to be sent.}
  replay_lag_seconds: {gauge: Seconds from flushing WAL here to hearing that it was replayed there; 0 when nothing is to be sent.}
  is_synchronous: {gauge: Whether commits wait for this receiver.}
  reply_time: {gauge: "When this receiver reported last, in seconds since the epoch."}
*/
SELECT r.application_name, pg_catalog.host(r.client_addr), r.state, s.slot_name,
       pg_catalog.pg_wal_lsn_diff(w.lsn, '0/0')::pg_catalog.float8,
       pg_catalog.pg_wal_lsn_diff(w.lsn, r.replay_lsn)::pg_catalog.float8,
       pg_catalog.pg_wal_lsn_diff(w.lsn, r.sent_lsn)::pg_catalog.float8,
       pg_catalog.pg_wal_lsn_diff(w.lsn, r.write_lsn)::pg_catalog.float8,
       pg_catalog.pg_wal_lsn_diff(w.lsn, r.flush_lsn)::pg_catalog.float8,
       coalesce(extract(epoch FROM r.write_lag), 0)::pg_catalog.float8,
       coalesce(extract(epoch FROM r.flush_lag), 0)::pg_catalog.float8,
       coalesce(extract(epoch FROM r.replay_lag), 0)::pg_catalog.float8,
       (r.sync_state IN ('sync', 'quorum'))::pg_catalog.int4,
       extract(epoch FROM r.reply_time)::pg_catalog.float8
  FROM pg_catalog.pg_stat_replication r
  LEFT JOIN pg_catalog.pg_replication_slots s ON s.active_pid = r.pid
 CROSS JOIN (SELECT CASE WHEN pg_catalog.pg_is_in_recovery()
                         THEN coalesce(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn())
                         ELSE pg_catalog.pg_current_wal_lsn()
                    END AS lsn) w
