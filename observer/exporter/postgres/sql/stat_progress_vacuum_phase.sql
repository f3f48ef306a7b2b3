/*
prefix: pg_stat_progress_vacuum_
labels: [datname, relname, phase]
metrics:
  phase: {gauge: "Whether the vacuum is in this phase; it has a series for each."}
*/
SELECT p.datname,
       coalesce(CASE WHEN n.nspname = 'public' THEN c.relname::pg_catalog.text ELSE n.nspname || '.' || c.relname END,
                p.relid::pg_catalog.text),
       f.phase, (f.phase = p.phase)::pg_catalog.int4
  FROM pg_catalog.pg_stat_progress_vacuum p
 CROSS JOIN (VALUES ('initializing'), ('scanning heap'), ('vacuuming indexes'), ('vacuuming heap'),
                    ('cleaning up indexes'), ('truncating heap'), ('performing final cleanup')) AS f(phase)
  LEFT JOIN (pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace)
         ON c.oid = p.relid AND p.datname = pg_catalog.current_database()
