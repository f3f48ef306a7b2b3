/*
prefix: pg_database_
clock: sizes
labels: [datname]
metrics:
  size_bytes: {gauge: Disk space of the database in bytes.}
*/
SELECT d.datname, pg_catalog.pg_database_size(d.oid)
  FROM pg_catalog.pg_database d
 WHERE d.datallowconn
   AND (pg_catalog.has_database_privilege(d.oid, 'CONNECT') OR pg_catalog.pg_has_role('pg_read_all_stats', 'MEMBER'))
