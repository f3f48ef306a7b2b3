/*
prefix: pg_database_
clock: 1m
labels: [datname]
metrics:
  connection_limit: {gauge: "Connections that the database allows; -1 is no limit."}
*/
SELECT d.datname, d.datconnlimit
  FROM pg_catalog.pg_database d
 WHERE d.datallowconn
