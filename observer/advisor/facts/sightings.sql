-- What sessions of this database sent last, idle ones too, of the statements in question.
SELECT a.pid, a.query_start, a.query_id, a.query
FROM pg_catalog.pg_stat_activity a
WHERE a.datname = pg_catalog.current_database() AND a.query_id = ANY(%(queryids)s)
  AND a.pid <> pg_catalog.pg_backend_pid()
