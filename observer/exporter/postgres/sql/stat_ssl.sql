/*
prefix: pg_stat_ssl_
clock: 30s
labels: [ssl, version, cipher]
metrics:
  connections: {gauge: "Clients by whether and how their connection is encrypted."}
*/
SELECT t.ssl, s.version, s.cipher, count(s.pid)
  FROM (VALUES (true), (false)) AS t(ssl)
  LEFT JOIN (SELECT e.pid, e.ssl, e.version, e.cipher
               FROM pg_catalog.pg_stat_ssl e
               JOIN pg_catalog.pg_stat_activity a ON a.pid = e.pid AND a.backend_type = 'client backend') s
         ON s.ssl = t.ssl
 GROUP BY 1, 2, 3
