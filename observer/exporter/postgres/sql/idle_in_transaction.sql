/*
prefix: pg_idle_in_transaction_
labels: [datname]
metrics:
  sessions: {gauge: Sessions that have a transaction open and do nothing.}
  longest_seconds: {gauge: "Seconds that the longest of them has done nothing; 0 when there is none."}
  xmin_sessions: {gauge: Those of them that keep vacuum from removing dead rows.}
*/
SELECT d.datname, count(a.pid),
       coalesce(max(extract(epoch FROM pg_catalog.clock_timestamp() - a.state_change)), 0)::pg_catalog.float8,
       count(a.pid) FILTER (WHERE a.backend_xid IS NOT NULL OR a.backend_xmin IS NOT NULL)
  FROM pg_catalog.pg_database d
  LEFT JOIN pg_catalog.pg_stat_activity a
         ON a.datid = d.oid AND a.state IN ('idle in transaction', 'idle in transaction (aborted)')
 WHERE d.datallowconn
 GROUP BY 1
