/*
prefix: pg_
labels: [datname]
metrics:
  blocked_sessions: {gauge: "Sessions that wait for a lock which another holds, or waits for before them."}
  longest_blocked_seconds: {gauge: Seconds that the longest of them has been waiting.}
  blocking_sessions: {gauge: "Sessions that hold others up and wait for nobody themselves; of the 50 that wait longest."}
  blocking_chain_depth: {gauge: "How many wait one behind the other, at most 10; of the 50 that wait longest."}
*/
-- Who blocks whom is dear to ask and stops the lock manager for a moment: it is asked only of those that wait, and
-- not of all when they are many. pg_locks is not read at all while nobody waits.
WITH RECURSIVE waiting AS MATERIALIZED (
    SELECT a.pid, a.datname, a.state_change
      FROM pg_catalog.pg_stat_activity a
     WHERE a.wait_event_type = 'Lock' AND a.datname IS NOT NULL
), blocked AS MATERIALIZED (
    SELECT w.pid, w.datname, coalesce(l.since, w.state_change) AS since
      FROM waiting w
      JOIN (SELECT k.pid, min(k.waitstart) AS since
              FROM pg_catalog.pg_locks k
             WHERE NOT k.granted AND (SELECT count(*) FROM waiting) > 0
             GROUP BY 1) l USING (pid)
), edge AS MATERIALIZED (
    SELECT DISTINCT b.pid, b.datname, h.pid AS holder
      FROM (SELECT pid, datname FROM blocked ORDER BY since LIMIT 50) b
     CROSS JOIN LATERAL pg_catalog.unnest(pg_catalog.pg_blocking_pids(b.pid)) AS h(pid)
), root AS MATERIALIZED (
    SELECT DISTINCT e.datname, e.holder FROM edge e WHERE e.holder NOT IN (SELECT pid FROM blocked)
), chain AS (
    SELECT r.holder AS pid, 0 AS depth FROM root r
     UNION
    SELECT e.pid, c.depth + 1 FROM chain c JOIN edge e ON e.holder = c.pid WHERE c.depth < 10
)
SELECT d.datname, coalesce(b.sessions, 0), coalesce(b.longest, 0),
       (SELECT count(*) FROM root r WHERE r.datname = d.datname),
       coalesce((SELECT max(c.depth) FROM chain c JOIN blocked w USING (pid) WHERE w.datname = d.datname), 0)
  FROM pg_catalog.pg_database d
  LEFT JOIN (SELECT datname, count(*) AS sessions,
                    max(greatest(0, extract(epoch FROM pg_catalog.clock_timestamp() - since)))::pg_catalog.float8 AS longest
               FROM blocked GROUP BY 1) b USING (datname)
 WHERE d.datallowconn
