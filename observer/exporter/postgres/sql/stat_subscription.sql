/*
prefix: pg_stat_subscription_
clock: 1m
labels: [datname, subname]
metrics:
  enabled: {gauge: Whether the subscription is switched on.}
  workers: {gauge: Workers of the subscription that run now.}
  received_lsn_bytes: {gauge: "WAL position of the publisher up to which all was received, in bytes."}
  latest_end_lsn_bytes: {gauge: "WAL position that was reported to the publisher last, in bytes."}
  last_message_age_seconds: {gauge: Seconds since the publisher was heard of last.}
*/
SELECT d.datname, s.subname, s.subenabled::pg_catalog.int4, count(t.pid),
       pg_catalog.pg_wal_lsn_diff(max(t.received_lsn), '0/0')::pg_catalog.float8,
       pg_catalog.pg_wal_lsn_diff(max(t.latest_end_lsn), '0/0')::pg_catalog.float8,
       extract(epoch FROM pg_catalog.clock_timestamp() - max(t.last_msg_receipt_time))::pg_catalog.float8
  FROM pg_catalog.pg_subscription s
  JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
  LEFT JOIN pg_catalog.pg_stat_subscription t ON t.subid = s.oid
 GROUP BY 1, 2, 3
