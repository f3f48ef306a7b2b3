/*
prefix: pg_stat_subscription_stats_
requires: {server: ">=150000"}
clock: 1m
labels: [datname, subname]
columns: by name
metrics:
  apply_errors_total: {counter: Errors while changes of the publisher were applied., column: apply_error_count}
  sync_errors_total: {counter: Errors while tables were copied at first., column: sync_error_count}
  conflicts_insert_exists_total: {counter: "Rows to insert that were there already; from PostgreSQL 18 on.", column: confl_insert_exists}
  conflicts_update_origin_differs_total: {counter: "Rows to update that another origin had changed; from PostgreSQL 18 on.", column: confl_update_origin_differs}
  conflicts_update_exists_total: {counter: "Rows whose new value was there already; from PostgreSQL 18 on.", column: confl_update_exists}
  conflicts_update_missing_total: {counter: "Rows to update that were not there; from PostgreSQL 18 on.", column: confl_update_missing}
  conflicts_delete_origin_differs_total: {counter: "Rows to delete that another origin had changed; from PostgreSQL 18 on.", column: confl_delete_origin_differs}
  conflicts_delete_missing_total: {counter: "Rows to delete that were not there; from PostgreSQL 18 on.", column: confl_delete_missing}
*/
SELECT d.datname, t.*
  FROM pg_catalog.pg_stat_subscription_stats t
  JOIN pg_catalog.pg_subscription s ON s.oid = t.subid
  JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
