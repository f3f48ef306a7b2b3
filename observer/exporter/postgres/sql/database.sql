/*
prefix: pg_database_
labels: [datname]
metrics:
  connection_limit: {gauge: "Connections that the database allows; -1 is no limit."}
  wraparound_age_datfrozenxid_seconds: {gauge: "Age of the oldest transaction id in transactions; the name's unit is upstream's error."}
  wraparound_age_datminmxid_seconds: {gauge: "Age of the oldest multixact id in multixacts; the name's unit is upstream's error."}
*/
SELECT d.datname, d.datconnlimit, pg_catalog.age(d.datfrozenxid), pg_catalog.mxid_age(d.datminmxid)
  FROM pg_catalog.pg_database d
 WHERE d.datallowconn
