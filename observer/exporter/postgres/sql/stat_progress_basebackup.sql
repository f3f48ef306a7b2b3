/*
prefix: pg_stat_progress_basebackup_
clock: 30s
labels: [phase]
metrics:
  backup_bytes: {gauge: Bytes that the base backup will have; none where it was not asked to estimate.}
  backup_streamed_bytes: {gauge: Bytes that were sent.}
  tablespaces: {gauge: Tablespaces to send.}
  tablespaces_streamed: {gauge: Tablespaces that were sent.}
*/
SELECT p.phase, p.backup_total, p.backup_streamed, p.tablespaces_total, p.tablespaces_streamed
  FROM pg_catalog.pg_stat_progress_basebackup p
