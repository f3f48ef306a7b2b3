/*
prefix: pg_buffercache_summary_
requires: {server: ">=160000", extension: "pg_buffercache>=1.4"}
enabled: false
metrics:
  buffers_used: {gauge: Shared buffers in use.}
  buffers_unused: {gauge: Shared buffers that are free.}
  buffers_dirty: {gauge: Shared buffers that must be written before they can be used for something else.}
  buffers_pinned: {gauge: Shared buffers that somebody looks at right now.}
  usagecount_avg: {gauge: "Average usage count of the buffers in use, from 0 to 5."}
*/
SELECT s.buffers_used, s.buffers_unused, s.buffers_dirty, s.buffers_pinned, coalesce(s.usagecount_avg, 0)
  FROM extension.pg_buffercache_summary() s
