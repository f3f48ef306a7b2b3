/*
prefix: pg_long_running_
metrics:
  transactions: {gauge: "Transactions that are open, but for those of autovacuum."}
  transactions_oldest_timestamp_seconds: {gauge: "Seconds that the oldest of them has been open; the name is upstream's error."}
*/
SELECT count(*),
       coalesce(max(extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)), 0)::pg_catalog.float8
  FROM pg_catalog.pg_stat_activity a
 WHERE a.xact_start IS NOT NULL
   AND a.state IS DISTINCT FROM 'idle'
   AND a.backend_type <> 'autovacuum worker'
   AND a.pid <> pg_catalog.pg_backend_pid()
