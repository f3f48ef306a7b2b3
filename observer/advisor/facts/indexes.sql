-- Indexes that stand, each key with its options; unusable ones are listed too, and marked.
SELECT x.indrelid, c.relname, pg_catalog.pg_get_indexdef(x.indexrelid), am.amname,
       pg_catalog.pg_relation_size(x.indexrelid), x.indisprimary, x.indisunique, x.indisvalid AND x.indisready,
       coalesce(s.idx_scan, 0), pg_catalog.pg_get_expr(x.indpred, x.indrelid),
       ARRAY(SELECT pg_catalog.pg_get_indexdef(x.indexrelid, k, false)
             FROM pg_catalog.generate_series(1, x.indnatts) k ORDER BY k),
       ARRAY(SELECT a.attname::text
             FROM pg_catalog.generate_series(0, x.indnatts - 1) k
             LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[k] AND a.attnum <> 0
             ORDER BY k),
       x.indnkeyatts::int, x.indoption::int2[]::int[],
       ARRAY(SELECT CASE WHEN o.opcdefault THEN '' ELSE o.opcname::text END
             FROM pg_catalog.generate_series(0, x.indnkeyatts - 1) k
             JOIN pg_catalog.pg_opclass o ON o.oid = x.indclass[k] ORDER BY k)
FROM pg_catalog.pg_index x
JOIN pg_catalog.pg_class c ON c.oid = x.indexrelid
JOIN pg_catalog.pg_am am ON am.oid = c.relam
LEFT JOIN pg_catalog.pg_stat_user_indexes s ON s.indexrelid = x.indexrelid
WHERE x.indrelid = ANY(%(relations)s)
ORDER BY x.indrelid, c.relname
