/*
prefix: pg_stat_user_indexes_
scope: database
clock: sizes
labels: [datname, schemaname, relname, indexrelname]
metrics:
  size_bytes: {gauge: "Disk space of this index in bytes."}
*/
-- pg_relation_size locks what it measures: what is locked exclusively, or is about to be, is left out.
WITH locked AS (
    SELECT l.relation
      FROM pg_catalog.pg_locks l
     WHERE l.locktype = 'relation'
       AND l.mode = 'AccessExclusiveLock'
       AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
)
SELECT pg_catalog.current_database() AS datname, n.nspname, t.relname, c.relname, pg_catalog.pg_relation_size(c.oid)
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i'
  JOIN pg_catalog.pg_class t ON t.oid = i.indrelid AND t.relkind IN ('r', 'm')
  JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
 WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND n.nspname NOT LIKE 'pg\_toast%' AND n.nspname NOT LIKE 'pg\_temp\_%'
   AND NOT EXISTS (SELECT FROM locked l WHERE l.relation = i.indexrelid)
