/*
prefix: pg_stat_replication_slots_
clock: 1m
labels: [slot_name]
columns: by name
metrics:
  spill_transactions_total: {counter: Transactions that were written to disk because logical decoding had no memory left., column: spill_txns}
  spill_bytes_total: {counter: Bytes of transactions that logical decoding wrote to disk., column: spill_bytes}
  stream_transactions_total: {counter: Transactions that were sent while they were still in progress., column: stream_txns}
  stream_bytes_total: {counter: Bytes of transactions that were sent while they were still in progress., column: stream_bytes}
  decoded_transactions_total: {counter: Transactions that logical decoding sent., column: total_txns}
  decoded_bytes_total: {counter: Bytes of transactions that logical decoding sent., column: total_bytes}
*/
SELECT s.*
  FROM pg_catalog.pg_stat_replication_slots s
