/*
prefix: pg_process_idle_
labels: [state, application_name]
enabled: false
metrics:
  seconds: {histogram: "Seconds that idle sessions have been idle.", buckets: [1, 2, 5, 15, 30, 60, 90, 120, 300]}
*/
SELECT a.state, a.application_name,
       pg_catalog.array_agg(greatest(0, extract(epoch FROM pg_catalog.clock_timestamp() - a.state_change))::pg_catalog.float8)
  FROM pg_catalog.pg_stat_activity a
 WHERE a.state LIKE 'idle%'
 GROUP BY 1, 2
