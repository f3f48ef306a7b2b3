/*
prefix: pg_wait_events_
labels: [datname, backend_type, wait_event_type, wait_event]
metrics:
  sessions: {gauge: "Sessions and server processes at work, by what they wait for; CPU is waiting for nothing. A sample of one moment."}
*/
SELECT d.datname, coalesce(a.backend_type, 'client backend'), coalesce(a.wait_event_type, 'CPU'), a.wait_event,
       count(a.pid)
  FROM pg_catalog.pg_database d
  LEFT JOIN pg_catalog.pg_stat_activity a
         ON a.datid = d.oid
        AND a.pid <> pg_catalog.pg_backend_pid()
        AND coalesce(a.state, 'active') IN ('active', 'fastpath function call')
        AND coalesce(a.wait_event_type, '') NOT IN ('Activity', 'Client')
 WHERE d.datallowconn
 GROUP BY 1, 2, 3, 4
 UNION ALL
-- Processes of the server itself belong to no database; what waits for work (Activity) does not work.
SELECT '', a.backend_type, coalesce(a.wait_event_type, 'CPU'), a.wait_event, count(*)
  FROM pg_catalog.pg_stat_activity a
 WHERE a.datid IS NULL
   AND coalesce(a.wait_event_type, '') NOT IN ('Activity', 'Client')
 GROUP BY 1, 2, 3, 4
