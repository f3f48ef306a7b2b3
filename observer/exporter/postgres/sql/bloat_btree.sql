/*
prefix: pg_bloat_btree_
scope: database
clock: slow
labels: [datname, schemaname, relname, idxname]
metrics:
  real_size: {gauge: "Disk space in bytes that the B-tree had when it was vacuumed or analysed last; indexes of at least 1 MiB."}
  bloat_size: {gauge: "Bytes of it that its entries should not need, estimated from the planner's statistics; at least, because equal keys may share an entry."}
  bloat_pct: {gauge: "The same as a percentage of the index."}
*/
-- As for tables: an entry has a header of 8 bytes and a pointer of 4, a page a header of 24 and 16 at its end.
WITH page AS (
    SELECT pg_catalog.current_setting('block_size')::pg_catalog.float8 AS bytes
), large AS MATERIALIZED (
    SELECT c.oid, n.nspname, t.oid AS relid, t.relname, c.relname AS idxname, c.relpages, c.reltuples, i.indkey,
           coalesce((SELECT o.option_value FROM pg_catalog.pg_options_to_table(c.reloptions) o
                      WHERE o.option_name = 'fillfactor')::pg_catalog.float8, 90) / 100 AS fill
      FROM pg_catalog.pg_index i
      JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i'
      JOIN pg_catalog.pg_am m ON m.oid = c.relam AND m.amname = 'btree'
      JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     CROSS JOIN page p
     WHERE c.relpages * p.bytes >= 1048576
       AND c.reltuples >= 0
       AND n.nspname NOT IN ('pg_catalog', 'information_schema')
       AND n.nspname NOT LIKE 'pg\_toast%'
), width AS (
    SELECT l.oid, sum((1 - s.null_frac) * s.avg_width) AS bytes, bool_or(s.null_frac > 0) AS nulls
      FROM large l
     CROSS JOIN LATERAL pg_catalog.unnest(l.indkey) WITH ORDINALITY AS k(attnum, place)
      -- The statistics of an expression belong to the index.
      LEFT JOIN pg_catalog.pg_attribute a
             ON a.attrelid = CASE WHEN k.attnum = 0 THEN l.oid ELSE l.relid END
            AND a.attnum = CASE WHEN k.attnum = 0 THEN k.place ELSE k.attnum END
      LEFT JOIN pg_catalog.pg_stats s
             ON s.schemaname = l.nspname
            AND s.tablename = CASE WHEN k.attnum = 0 THEN l.idxname ELSE l.relname END
            AND s.attname = a.attname AND NOT s.inherited
     GROUP BY 1
    HAVING count(s.avg_width) = count(*)
), estimate AS (
    SELECT l.nspname, l.relname, l.idxname, l.relpages, p.bytes,
           greatest(0, l.relpages - 1 - ceil(l.reltuples / greatest(1, floor((p.bytes - 40) * l.fill / (
               4 + 8 * ceil((8 + CASE WHEN w.nulls THEN 4 ELSE 0 END + w.bytes) / 8.0)))))) AS spare
      FROM large l
      JOIN width w USING (oid)
     CROSS JOIN page p
)
SELECT pg_catalog.current_database() AS datname, e.nspname, e.relname, e.idxname,
       e.relpages * e.bytes, e.spare * e.bytes, 100 * e.spare / e.relpages
  FROM estimate e
