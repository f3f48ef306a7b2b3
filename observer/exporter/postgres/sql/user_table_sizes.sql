/*
scope: database
prefix: pg_stat_user_tables_
clock: sizes
labels: [datname, schemaname, relname]
metrics:
  table_size_bytes: {gauge: "Disk space of the table with its TOAST table, without its indexes, in bytes."}
  index_size_bytes: {gauge: "Disk space of all indexes of the table, in bytes."}
*/
-- The size functions lock what they measure. Whatever is locked exclusively, or is about to be, is left out:
-- a lock that is only awaited blocks those who come after it just as much.
WITH locked AS (
    SELECT l.relation
      FROM pg_catalog.pg_locks l
     WHERE l.locktype = 'relation'
       AND l.mode = 'AccessExclusiveLock'
       AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
)
SELECT pg_catalog.current_database() AS datname, n.nspname, c.relname,
       pg_catalog.pg_table_size(c.oid), pg_catalog.pg_indexes_size(c.oid)
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm', 'p')
   AND n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND n.nspname NOT LIKE 'pg\_toast%' AND n.nspname NOT LIKE 'pg\_temp\_%'
   AND NOT EXISTS (SELECT FROM locked l WHERE l.relation IN (c.oid, c.reltoastrelid))
   AND NOT EXISTS (SELECT FROM locked l JOIN pg_catalog.pg_index i ON i.indexrelid = l.relation
                    WHERE i.indrelid = c.oid)
