-- Columns with their types and statistics; of a partitioned table the statistics of the whole tree.
SELECT a.attrelid, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), b.typname, b.typcategory::text,
       b.typlen::int, CASE b.typalign WHEN 'd' THEN 8 WHEN 'i' THEN 4 WHEN 's' THEN 2 ELSE 1 END, a.attnotnull,
       s.avg_width, s.n_distinct::double precision, s.null_frac::double precision,
       s.correlation::double precision,
       CASE WHEN a.attrelid = ANY(%(detailed)s) THEN s.most_common_vals::text::text[] END,
       CASE WHEN a.attrelid = ANY(%(detailed)s) THEN s.most_common_freqs::double precision[] END,
       CASE WHEN a.attrelid = ANY(%(detailed)s) THEN s.histogram_bounds::text::text[] END,
       coalesce(l.collcollate, d.datcollate) IN ('C', 'POSIX', 'C.UTF-8', 'C.utf8') AND coalesce(l.collcollate, d.datcollate) <> '',
       s.starelid IS NOT NULL
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
JOIN pg_catalog.pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database()
LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation AND l.collname <> 'default'
LEFT JOIN LATERAL (
    SELECT p.*, c.oid AS starelid
    FROM pg_catalog.pg_stats p
    WHERE p.schemaname = n.nspname AND p.tablename = c.relname AND p.attname = a.attname
    ORDER BY p.inherited DESC
    LIMIT 1) s ON true
WHERE a.attrelid = ANY(%(relations)s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
