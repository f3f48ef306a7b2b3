-- Sessions that wait for a lock of another session, and the sessions that they wait for. Reads shared memory and the
-- catalogues only; asking who blocks takes the lock manager's latches, so no more than a hundred sessions are asked.
WITH waiting AS MATERIALIZED (
    SELECT w.pid, pg_catalog.pg_blocking_pids(w.pid) AS blockers
      FROM (SELECT a.pid
              FROM pg_catalog.pg_stat_activity a
             WHERE a.wait_event_type = 'Lock'
             ORDER BY a.query_start
             LIMIT 100) w
), concerned AS (
    SELECT pid FROM waiting WHERE pg_catalog.cardinality(blockers) > 0
     UNION
    SELECT pg_catalog.unnest(blockers) FROM waiting
)
SELECT a.pid,
       coalesce(w.blockers, '{}'::pg_catalog.int4[]),
       coalesce(a.datname, '')::pg_catalog.text,
       coalesce(a.usename, '')::pg_catalog.text,
       coalesce(a.application_name, ''),
       coalesce(a.state, a.backend_type, ''),
       extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::pg_catalog.float8,
       extract(epoch FROM pg_catalog.clock_timestamp()
               - CASE WHEN a.state = 'active' THEN a.query_start ELSE a.state_change END)::pg_catalog.float8,
       coalesce(l.locktype, ''),
       coalesce(r.relname, '')::pg_catalog.text,
       coalesce(a.query, '')
  FROM concerned c
  JOIN pg_catalog.pg_stat_activity a ON a.pid = c.pid
  LEFT JOIN waiting w ON w.pid = c.pid
  LEFT JOIN LATERAL (SELECT k.locktype, k.relation, k.database
                       FROM pg_catalog.pg_locks k
                      WHERE k.pid = a.pid AND NOT k.granted
                      LIMIT 1) l ON true
  LEFT JOIN pg_catalog.pg_class r
    ON r.oid = l.relation
   AND l.database IN (0, (SELECT d.oid FROM pg_catalog.pg_database d
                           WHERE d.datname = pg_catalog.current_database()))
 ORDER BY a.query_start NULLS LAST
