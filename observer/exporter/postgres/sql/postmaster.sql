/*
prefix: pg_postmaster_
metrics:
  start_time_seconds: {gauge: "When the server started, in seconds since the epoch."}
*/
SELECT extract(epoch FROM pg_catalog.pg_postmaster_start_time())::pg_catalog.float8
