/*
prefix: pg_indexes_
scope: database
clock: slow
labels: [datname]
metrics:
  defined: {gauge: Indexes of users' tables.}
  invalid: {gauge: "Indexes that no query may use because a build was broken off; not those that are being built."}
  unused: {gauge: "Indexes that were never scanned since the statistics were reset and that enforce nothing."}
  unused_bytes: {gauge: Disk space of the unused indexes in bytes.}
  duplicate: {gauge: "Indexes of the same kind, columns, order and condition as another of the same table, but for one of each."}
  duplicate_bytes: {gauge: Least disk space in bytes that dropping the duplicates would give back.}
*/
WITH index AS MATERIALIZED (
    SELECT i.indrelid, i.indexrelid, i.indisvalid, c.relam,
           i.indkey::pg_catalog.text AS key, i.indclass::pg_catalog.text AS class,
           i.indcollation::pg_catalog.text AS collations, i.indoption::pg_catalog.text AS options,
           i.indexprs::pg_catalog.text AS expressions, i.indpred::pg_catalog.text AS predicate,
           c.relpages * pg_catalog.current_setting('block_size')::pg_catalog.int8 AS bytes,
           i.indisvalid AND NOT (i.indisunique OR i.indisexclusion OR i.indisreplident OR i.indisclustered)
               AND pg_catalog.pg_stat_get_numscans(i.indexrelid) = 0 AS unused
      FROM pg_catalog.pg_index i
      JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i'
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
       AND n.nspname NOT LIKE 'pg\_toast%' AND n.nspname NOT LIKE 'pg\_temp\_%'
), twins AS (
    SELECT count(*) - 1 AS spare, sum(bytes) - max(bytes) AS bytes
      FROM index
     WHERE indisvalid
     GROUP BY indrelid, relam, key, class, collations, options, expressions, predicate
    HAVING count(*) > 1
)
SELECT pg_catalog.current_database() AS datname,
       count(*),
       count(*) FILTER (WHERE NOT indisvalid AND NOT EXISTS (
           SELECT FROM pg_catalog.pg_stat_progress_create_index p
            WHERE p.datname = pg_catalog.current_database() AND p.index_relid = indexrelid)),
       count(*) FILTER (WHERE unused),
       coalesce(sum(bytes) FILTER (WHERE unused), 0)::pg_catalog.int8,
       (SELECT coalesce(sum(spare), 0)::pg_catalog.int8 FROM twins),
       (SELECT coalesce(sum(bytes), 0)::pg_catalog.int8 FROM twins)
  FROM index
