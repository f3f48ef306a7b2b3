/*
prefix: pg_roles_
clock: 1m
labels: [rolname]
metrics:
  connection_limit: {gauge: "Connections that the role may have; -1 is no limit."}
*/
SELECT r.rolname, r.rolconnlimit
  FROM pg_catalog.pg_roles r
