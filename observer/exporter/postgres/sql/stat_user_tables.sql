/*
scope: database
prefix: pg_stat_user_tables_
labels: [datname, schemaname, relname]
metrics:
  seq_scan: {counter: Sequential scans of this table.}
  seq_tup_read: {counter: Live rows fetched by sequential scans.}
  idx_scan: {counter: Index scans of this table.}
  idx_tup_fetch: {counter: Live rows fetched by index scans.}
  n_tup_ins: {counter: Rows inserted.}
  n_tup_upd: {counter: Rows updated.}
  n_tup_del: {counter: Rows deleted.}
  n_tup_hot_upd: {counter: Rows updated without a new index entry.}
  n_live_tup: {gauge: Estimated number of live rows.}
  n_dead_tup: {gauge: Estimated number of dead rows.}
  n_mod_since_analyze: {gauge: Estimated number of rows changed since the last analyze.}
  n_ins_since_vacuum: {gauge: Estimated number of rows inserted since the last vacuum.}
  last_vacuum: {gauge: "Last manual vacuum, in seconds since the epoch; 0 for never."}
  last_autovacuum: {gauge: "Last autovacuum, in seconds since the epoch; 0 for never."}
  last_analyze: {gauge: "Last manual analyze, in seconds since the epoch; 0 for never."}
  last_autoanalyze: {gauge: "Last automatic analyze, in seconds since the epoch; 0 for never."}
  vacuum_count: {counter: Manual vacuums.}
  autovacuum_count: {counter: Autovacuums.}
  analyze_count: {counter: Manual analyzes.}
  autoanalyze_count: {counter: Automatic analyzes.}
*/
SELECT pg_catalog.current_database() AS datname, schemaname, relname,
       seq_scan, seq_tup_read, coalesce(idx_scan, 0), coalesce(idx_tup_fetch, 0),
       n_tup_ins, n_tup_upd, n_tup_del, n_tup_hot_upd, n_live_tup, n_dead_tup, n_mod_since_analyze, n_ins_since_vacuum,
       coalesce(extract(epoch FROM last_vacuum), 0)::pg_catalog.float8,
       coalesce(extract(epoch FROM last_autovacuum), 0)::pg_catalog.float8,
       coalesce(extract(epoch FROM last_analyze), 0)::pg_catalog.float8,
       coalesce(extract(epoch FROM last_autoanalyze), 0)::pg_catalog.float8,
       vacuum_count, autovacuum_count, analyze_count, autoanalyze_count
  FROM pg_catalog.pg_stat_user_tables
