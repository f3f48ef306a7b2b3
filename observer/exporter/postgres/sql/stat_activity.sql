/*
prefix: pg_stat_activity_
labels: [datname, state, usename, application_name, backend_type, wait_event_type, wait_event]
metrics:
  count: {gauge: "Connections in this state; every database has every state, at 0 when there are none."}
  max_tx_duration: {gauge: "Seconds that the oldest transaction in this state has been open."}
*/
WITH sessions AS (
    SELECT a.datname, a.state, a.usename, a.application_name, a.backend_type, a.wait_event_type, a.wait_event,
           count(*) AS sessions,
           max(extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start))::pg_catalog.float8 AS oldest
      FROM pg_catalog.pg_stat_activity a
     WHERE a.datname IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5, 6, 7
)
SELECT d.datname, s.state, a.usename, a.application_name, a.backend_type, a.wait_event_type, a.wait_event,
       coalesce(a.sessions, 0), greatest(0, coalesce(a.oldest, 0))
  FROM pg_catalog.pg_database d
 CROSS JOIN (VALUES ('active'), ('idle'), ('idle in transaction'), ('idle in transaction (aborted)'),
                    ('fastpath function call'), ('disabled')) AS s(state)
  LEFT JOIN sessions a ON a.datname = d.datname AND a.state = s.state
 WHERE d.datallowconn
 UNION ALL
-- Workers without a state hold transactions too: autovacuum, parallel and replication workers.
SELECT a.datname, coalesce(a.state, ''), a.usename, a.application_name, a.backend_type,
       a.wait_event_type, a.wait_event, a.sessions, greatest(0, coalesce(a.oldest, 0))
  FROM sessions a
 WHERE a.state IS NULL
