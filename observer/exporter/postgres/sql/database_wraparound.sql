/*
prefix: pg_database_wraparound_
clock: 1m
labels: [datname]
metrics:
  age_datfrozenxid_seconds: {gauge: "Age of the oldest transaction id in transactions; the name's unit is upstream's error."}
  age_datminmxid_seconds: {gauge: "Age of the oldest multixact id in multixacts; the name's unit is upstream's error."}
*/
SELECT d.datname, pg_catalog.age(d.datfrozenxid), pg_catalog.mxid_age(d.datminmxid)
  FROM pg_catalog.pg_database d
 WHERE d.datallowconn
