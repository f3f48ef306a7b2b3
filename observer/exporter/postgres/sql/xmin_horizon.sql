/*
prefix: pg_xmin_horizon_
labels: [holder]
metrics:
  age_xids: {gauge: "Age in transactions of the oldest row version that this kind of holder keeps from being vacuumed; 0 when it keeps none."}
*/
SELECT 'session',
       coalesce(max(greatest(pg_catalog.age(a.backend_xmin), pg_catalog.age(a.backend_xid))), 0)
  FROM pg_catalog.pg_stat_activity a
 WHERE a.pid <> pg_catalog.pg_backend_pid()
   AND a.backend_type NOT IN ('walsender', 'autovacuum worker')
 UNION ALL
SELECT 'standby', coalesce(max(pg_catalog.age(r.backend_xmin)), 0)
  FROM pg_catalog.pg_stat_replication r
 UNION ALL
SELECT 'prepared_transaction', coalesce(max(pg_catalog.age(p.transaction)), 0)
  FROM pg_catalog.pg_prepared_xacts p
 UNION ALL
SELECT k.holder, coalesce(max(k.age), 0)
  FROM (VALUES ('replication_slot', NULL::pg_catalog.int4), ('replication_slot_catalog', NULL)) AS none(holder, age)
 CROSS JOIN LATERAL (SELECT none.holder, none.age
                      UNION ALL
                     SELECT none.holder,
                            CASE none.holder WHEN 'replication_slot' THEN pg_catalog.age(s.xmin)
                                             ELSE pg_catalog.age(s.catalog_xmin)
                            END
                       FROM pg_catalog.pg_replication_slots s) k
 GROUP BY 1
