/*
prefix: pg_stat_activity_autovacuum_
clock: 30s
labels: [relname]
metrics:
  timestamp_seconds: {gauge: "When autovacuum began with this table, in seconds since the epoch."}
*/
SELECT a.named[1], extract(epoch FROM a.xact_start)::pg_catalog.float8
  FROM (SELECT pg_catalog.regexp_match(s.query, '^autovacuum: [^.]*\.(.*?)(?: \(to prevent wraparound\))?$') AS named,
               s.xact_start
          FROM pg_catalog.pg_stat_activity s
         WHERE s.backend_type = 'autovacuum worker') a
 WHERE a.named IS NOT NULL
