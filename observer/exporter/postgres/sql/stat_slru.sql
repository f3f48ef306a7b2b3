/*
prefix: pg_stat_slru_
clock: 30s
labels: [name]
metrics:
  blks_zeroed_total: {counter: Blocks zeroed when this cache was set up or extended.}
  blks_hit_total: {counter: Blocks that were found in this cache.}
  blks_read_total: {counter: Blocks read from disk into this cache.}
  blks_written_total: {counter: Blocks of this cache written to disk.}
  blks_exists_total: {counter: Blocks that were asked after.}
  flushes_total: {counter: Times that the dirty blocks of this cache were flushed.}
  truncates_total: {counter: Times that old blocks were cut off.}
*/
SELECT s.name, s.blks_zeroed, s.blks_hit, s.blks_read, s.blks_written, s.blks_exists, s.flushes, s.truncates
  FROM pg_catalog.pg_stat_slru s
