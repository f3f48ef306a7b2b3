-- What this database executed since the last reset, without utility statements.
SELECT s.queryid, s.query, s.calls, s.total_exec_time, s.rows, s.shared_blks_hit + s.shared_blks_read
FROM {statements} s
JOIN pg_catalog.pg_database d ON d.oid = s.dbid
WHERE d.datname = pg_catalog.current_database() AND s.queryid IS NOT NULL
ORDER BY s.total_exec_time DESC, s.queryid
LIMIT 5000
