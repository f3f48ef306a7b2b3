-- Functions that the loading needs, and that go with their schema afterwards.
-- mealsync_sample.scale is set by the loader in each of its sessions.

CREATE SCHEMA sample;

-- A number of rows at this scale.
CREATE FUNCTION sample.rows(at_full_scale integer, at_least integer DEFAULT 50) RETURNS integer
    LANGUAGE sql STABLE
    RETURN greatest(at_least,
                    (at_full_scale * pg_catalog.current_setting('mealsync_sample.scale')::float8)::integer);

-- An id out of 1..n; the greater the skew, the more the low ones are preferred (1 means even).
CREATE FUNCTION sample.pick(n integer, skew float8 DEFAULT 1) RETURNS integer
    LANGUAGE sql VOLATILE
    RETURN 1 + pg_catalog.floor(n * pg_catalog.power(pg_catalog.random(), skew))::integer;

-- One of the words.
CREATE FUNCTION sample.word(words text[], skew float8 DEFAULT 1) RETURNS text
    LANGUAGE sql VOLATILE
    RETURN words[1 + pg_catalog.floor(
        pg_catalog.cardinality(words) * pg_catalog.power(pg_catalog.random(), skew))::integer];

-- A moment of the last so many days, recent ones preferred: the service is growing.
CREATE FUNCTION sample.moment(days float8) RETURNS timestamptz
    LANGUAGE sql VOLATILE
    RETURN pg_catalog.now() - days * pg_catalog.power(pg_catalog.random(), 1.6) * interval '1 day';
