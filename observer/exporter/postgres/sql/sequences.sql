/*
prefix: pg_sequence_
scope: database
clock: slow
labels: [datname, schemaname, sequencename]
metrics:
  used_ratio: {gauge: "Share of its values that a sequence has given out, of those that fit into its column; only of sequences that the role may read and that do not begin anew."}
*/
-- Reading a sequence locks it: what is locked exclusively, or is about to be, is left out.
WITH locked AS (
    SELECT l.relation
      FROM pg_catalog.pg_locks l
     WHERE l.locktype = 'relation'
       AND l.mode = 'AccessExclusiveLock'
       AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
), sequence AS MATERIALIZED (
    SELECT n.nspname, c.relname, s.seqrelid, s.seqmin, s.seqincrement,
           least(s.seqmax, CASE a.atttypid WHEN 'pg_catalog.int2'::pg_catalog.regtype THEN 32767
                                           WHEN 'pg_catalog.int4'::pg_catalog.regtype THEN 2147483647
                           END) AS highest
      FROM pg_catalog.pg_sequence s
      JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_catalog.pg_depend d
             ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = s.seqrelid AND d.objsubid = 0
            AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype IN ('a', 'i')
      LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
     WHERE NOT s.seqcycle
       AND c.relpersistence <> 't'
       AND NOT (c.relpersistence = 'u' AND pg_catalog.pg_is_in_recovery())
       AND pg_catalog.has_sequence_privilege(s.seqrelid, 'SELECT, USAGE')
       AND NOT EXISTS (SELECT FROM locked l WHERE l.relation = s.seqrelid)
)
SELECT pg_catalog.current_database() AS datname, q.nspname, q.relname,
       coalesce(CASE WHEN q.seqincrement > 0
                     THEN (v.last::pg_catalog.numeric - q.seqmin) / nullif(q.highest::pg_catalog.numeric - q.seqmin, 0)
                     ELSE (q.highest - v.last::pg_catalog.numeric) / nullif(q.highest::pg_catalog.numeric - q.seqmin, 0)
                END, 0)::pg_catalog.float8
  FROM sequence q
 CROSS JOIN LATERAL (SELECT pg_catalog.pg_sequence_last_value(q.seqrelid) AS last) v
