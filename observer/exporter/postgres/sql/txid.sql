/*
prefix: pg_txid_
metrics:
  current: {counter: The next transaction id that the server assigns; asking takes none.}
*/
SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::pg_catalog.text::pg_catalog.int8
