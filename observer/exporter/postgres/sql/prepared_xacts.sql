/*
prefix: pg_prepared_xacts_
labels: [datname]
metrics:
  count: {gauge: Prepared transactions.}
  oldest_seconds: {gauge: Seconds since the oldest prepared transaction was prepared.}
*/
SELECT d.datname,
       count(p.gid),
       coalesce(max(extract(epoch FROM pg_catalog.now() - p.prepared)), 0)::pg_catalog.float8
  FROM pg_catalog.pg_database d
  LEFT JOIN pg_catalog.pg_prepared_xacts p ON p.database = d.datname
 WHERE d.datallowconn
 GROUP BY 1
