/*
prefix: pg_stat_wal_receiver_
labels: [upstream_host, slot_name]
requires: {role: standby}
metrics:
  status: {gauge: "What the WAL receiver does: 0 stopped, 1 starting, 2 streaming, 3 waiting, 4 restarting, -1 stopping."}
  receive_start_lsn: {counter: "WAL position at which the receiver began, in bytes."}
  receive_start_tli: {gauge: Timeline at which the receiver began.}
  flushed_lsn: {counter: "WAL position up to which all is received and durable, in bytes."}
  received_tli: {gauge: Timeline of what was received last.}
  last_msg_send_time: {counter: "When the newest message was sent by the upstream, in seconds since the epoch."}
  last_msg_receipt_time: {counter: "When the newest message was received, in seconds since the epoch."}
  latest_end_lsn: {counter: "WAL position that was reported to the upstream last, in bytes."}
  latest_end_time: {counter: "When that position was reported, in seconds since the epoch."}
  upstream_node: {gauge: "Number of the upstream, where repmgr named the slot; else 0."}
*/
SELECT w.sender_host, w.slot_name,
       CASE w.status WHEN 'stopped' THEN 0 WHEN 'starting' THEN 1 WHEN 'streaming' THEN 2 WHEN 'waiting' THEN 3
                     WHEN 'restarting' THEN 4 WHEN 'stopping' THEN -1 ELSE -2 END,
       pg_catalog.pg_wal_lsn_diff(w.receive_start_lsn, '0/0')::pg_catalog.float8,
       w.receive_start_tli,
       pg_catalog.pg_wal_lsn_diff(w.flushed_lsn, '0/0')::pg_catalog.float8,
       w.received_tli,
       extract(epoch FROM w.last_msg_send_time)::pg_catalog.float8,
       extract(epoch FROM w.last_msg_receipt_time)::pg_catalog.float8,
       pg_catalog.pg_wal_lsn_diff(w.latest_end_lsn, '0/0')::pg_catalog.float8,
       extract(epoch FROM w.latest_end_time)::pg_catalog.float8,
       coalesce((pg_catalog.regexp_match(w.slot_name, '^repmgr_slot_([0-9]+)$'))[1]::pg_catalog.int8, 0)
  FROM pg_catalog.pg_stat_wal_receiver w
 WHERE w.status IS NOT NULL
