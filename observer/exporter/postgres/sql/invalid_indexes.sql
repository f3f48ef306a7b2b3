/*
prefix: pg_general_index_info_
scope: database
clock: 1m
labels: [datname, schemaname, relname, indexrelname]
metrics:
  pg_relation_size: {gauge: "Disk space in bytes of an index that no query may use because a build was broken off; the name is what published rules ask for."}
*/
SELECT pg_catalog.current_database() AS datname, n.nspname, t.relname, c.relname,
       c.relpages * pg_catalog.current_setting('block_size')::pg_catalog.int8
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT i.indisvalid
   AND c.relkind = 'i'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p
                    WHERE p.datname = pg_catalog.current_database() AND p.index_relid = i.indexrelid)
