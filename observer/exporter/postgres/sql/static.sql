/*
prefix: pg_
clock: 1m
labels: [version, short_version]
metrics:
  static: {untyped: "Always 1; the labels say which version the server is."}
*/
SELECT pg_catalog.version(),
       v.number / 10000 || '.' || v.number % 10000 || '.0',
       1
  FROM (SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4 AS number) v
