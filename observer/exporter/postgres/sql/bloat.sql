/*
prefix: pg_bloat_
scope: database
clock: slow
labels: [datname, schemaname, relname]
metrics:
  table_real_size: {gauge: "Disk space in bytes that the table had when it was vacuumed or analysed last; tables of at least 1 MiB."}
  table_bloat_size: {gauge: "Bytes of it that its rows should not need, estimated from the planner's statistics."}
  table_bloat_pct: {gauge: "The same as a percentage of the table."}
  toast_real_size: {gauge: "Disk space in bytes that the TOAST table had when it was vacuumed last; TOAST tables of at least 1 MiB."}
  toast_bloat_size: {gauge: "Bytes of it that its chunks do not need; at least, because not every chunk is full."}
  toast_bloat_pct: {gauge: "The same as a percentage of the TOAST table."}
*/
-- Rows that fit into a page: what it has without its header, as far as fillfactor lets it be filled, by the width of
-- a row with its header and pointer (docs: Database Page Layout). A table with a column whose statistics our role may
-- not see, or that has none, has no estimate. A full TOAST chunk takes a quarter of a page.
WITH page AS (
    SELECT pg_catalog.current_setting('block_size')::pg_catalog.float8 AS bytes
), large AS MATERIALIZED (
    SELECT c.oid, n.nspname, c.relname, c.relnatts, c.relpages, c.reltuples,
           coalesce(t.relpages, 0) AS toast_pages, coalesce(t.reltuples, -1) AS toast_tuples,
           coalesce((SELECT o.option_value FROM pg_catalog.pg_options_to_table(c.reloptions) o
                      WHERE o.option_name = 'fillfactor')::pg_catalog.float8, 100) / 100 AS fill
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid
     CROSS JOIN page p
     WHERE c.relkind IN ('r', 'm')
       AND greatest(c.relpages, t.relpages) * p.bytes >= 1048576
       AND n.nspname NOT IN ('pg_catalog', 'information_schema')
), width AS (
    SELECT l.oid, sum((1 - s.null_frac) * s.avg_width) AS bytes, bool_or(s.null_frac > 0) AS nulls
      FROM large l
      JOIN pg_catalog.pg_attribute a ON a.attrelid = l.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_catalog.pg_stats s
             ON s.schemaname = l.nspname AND s.tablename = l.relname AND s.attname = a.attname AND NOT s.inherited
     GROUP BY 1
    HAVING count(s.avg_width) = count(*)
), estimate AS (
    SELECT l.nspname, l.relname, l.relpages, l.toast_pages, p.bytes,
           CASE WHEN l.reltuples >= 0
                THEN greatest(0, l.relpages - ceil(l.reltuples / greatest(1, floor((p.bytes - 24) * l.fill / (
                         4 + 8 * ceil((23 + CASE WHEN w.nulls THEN (l.relnatts + 7) / 8 ELSE 0 END) / 8.0)
                           + 8 * ceil(w.bytes / 8.0))))))
           END AS spare,
           CASE WHEN l.toast_tuples >= 0 THEN greatest(0, l.toast_pages - ceil(l.toast_tuples / 4)) END AS toast_spare
      FROM large l
     CROSS JOIN page p
      LEFT JOIN width w USING (oid)
)
SELECT pg_catalog.current_database() AS datname, e.nspname, e.relname,
       CASE WHEN e.spare IS NOT NULL THEN e.relpages * e.bytes END,
       e.spare * e.bytes,
       100 * e.spare / nullif(e.relpages, 0),
       CASE WHEN e.toast_spare IS NOT NULL AND e.toast_pages * e.bytes >= 1048576 THEN e.toast_pages * e.bytes END,
       CASE WHEN e.toast_pages * e.bytes >= 1048576 THEN e.toast_spare * e.bytes END,
       CASE WHEN e.toast_pages * e.bytes >= 1048576 THEN 100 * e.toast_spare / e.toast_pages END
  FROM estimate e
