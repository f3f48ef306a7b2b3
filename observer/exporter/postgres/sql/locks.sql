/*
prefix: pg_locks_
labels: [datname, mode]
metrics:
  count: {gauge: "Locks held or awaited, by mode; every database has every mode, at 0 when there are none."}
*/
SELECT d.datname, m.mode, coalesce(l.locks, 0)
  FROM pg_catalog.pg_database d
 CROSS JOIN (VALUES ('accesssharelock'), ('rowsharelock'), ('rowexclusivelock'), ('shareupdateexclusivelock'),
                    ('sharelock'), ('sharerowexclusivelock'), ('exclusivelock'), ('accessexclusivelock'),
                    ('sireadlock')) AS m(mode)
  LEFT JOIN (SELECT database, pg_catalog.lower(mode) AS mode, count(*) AS locks
               FROM pg_catalog.pg_locks
              WHERE database IS NOT NULL
              GROUP BY 1, 2) l ON l.database = d.oid AND l.mode = m.mode
 WHERE d.datallowconn
