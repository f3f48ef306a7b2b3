-- Who likes what. The index on user_id repeats the beginning of the key; the way from the recipe has none.

SELECT pg_catalog.setseed(0.16);

CREATE TABLE public.favourites (
    user_id bigint NOT NULL,
    recipe_id bigint NOT NULL,
    created_at timestamptz NOT NULL
);

INSERT INTO public.favourites (user_id, recipe_id, created_at)
SELECT user_id, recipe_id, sample.moment(600)
FROM (
    SELECT DISTINCT
        sample.pick(sample.rows(100000), 1.5) AS user_id,
        sample.pick(sample.rows(300000), 2) AS recipe_id
    FROM generate_series(1, sample.rows(500000))
) AS made;

ALTER TABLE public.favourites ADD PRIMARY KEY (user_id, recipe_id);
CREATE INDEX favourites_user_id_idx ON public.favourites (user_id);
