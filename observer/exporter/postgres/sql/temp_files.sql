/*
prefix: pg_temp_files_
clock: 30s
labels: [tablespace]
metrics:
  open: {gauge: Temporary files that statements have on disk now.}
  size_bytes: {gauge: Disk space of these files in bytes.}
*/
SELECT t.spcname, count(f.name), coalesce(sum(f.size), 0)::pg_catalog.int8
  FROM pg_catalog.pg_tablespace t
  LEFT JOIN LATERAL pg_catalog.pg_ls_tmpdir(t.oid) f ON true
 WHERE t.spcname <> 'pg_global'
 GROUP BY 1
