-- The database itself: version, size, where names are looked up, what is installed, since when it counts.
SELECT pg_catalog.current_setting('server_version_num')::int,
       pg_catalog.pg_database_size(pg_catalog.current_database()),
       pg_catalog.current_schemas(false)::text[],
       ARRAY(SELECT extname::text || '=' || extversion FROM pg_catalog.pg_extension ORDER BY extname),
       coalesce(extract(epoch FROM pg_catalog.now() - d.stats_reset), 0)::double precision,
       pg_catalog.current_database()::text
FROM pg_catalog.pg_stat_database d
WHERE d.datname = pg_catalog.current_database()
