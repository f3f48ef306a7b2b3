-- The role that Observer connects as. Run it as a superuser, in each database whose statements are to be read:
--     observer sql role | psql -d DATABASE
-- It can be run again. Then give the role a password:  \password :role
--
-- What it may do: read statistics. It owns nothing, writes nothing, and waits for nobody's lock for long.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = :role_literal) THEN
        CREATE ROLE :role LOGIN;
    END IF;
END
$$;
-- One connection for statistics, one that visits the other databases, two for the advisor.
ALTER ROLE :role NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION CONNECTION LIMIT 4;
GRANT pg_monitor TO :role;
-- Settings of the role hold through a pooler too. They are a guard; the boundary is that it has no rights.
ALTER ROLE :role SET default_transaction_read_only = on;
ALTER ROLE :role SET statement_timeout = '5s';
ALTER ROLE :role SET lock_timeout = '300ms';
ALTER ROLE :role SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE :role SET search_path = pg_catalog, pg_temp;
-- Needs shared_preload_libraries = 'pg_stat_statements'.
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
-- Clusters that were made before PostgreSQL 15 let everybody create things in the schema public.
DO $$
DECLARE
    open_schema text;
BEGIN
    FOR open_schema IN
        SELECT pg_catalog.quote_ident(n.nspname)
          FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
         WHERE a.grantee = 0 AND a.privilege_type = 'CREATE'
    LOOP
        RAISE WARNING 'every role may create objects in the schema %, Observer''s too', open_schema
              USING HINT = pg_catalog.format('To end that: REVOKE CREATE ON SCHEMA %s FROM PUBLIC;', open_schema);
    END LOOP;
END
$$;
:explain
