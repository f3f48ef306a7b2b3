/*
prefix: pg_subscription_
scope: database
clock: 1m
labels: [datname, subname, state]
metrics:
  tables: {gauge: "Tables of the subscription, by how far they are: init, copying, copied, synchronised, ready."}
*/
SELECT pg_catalog.current_database() AS datname, s.subname, n.state, count(r.srrelid)
  FROM pg_catalog.pg_subscription s
 CROSS JOIN (VALUES ('i', 'init'), ('d', 'copying'), ('f', 'copied'), ('s', 'synchronised'), ('r', 'ready'))
            AS n(letter, state)
  LEFT JOIN pg_catalog.pg_subscription_rel r ON r.srsubid = s.oid AND r.srsubstate::pg_catalog.text = n.letter
 WHERE s.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
 GROUP BY 1, 2, 3
