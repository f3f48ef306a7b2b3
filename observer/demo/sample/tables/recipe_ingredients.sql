-- What a recipe needs. The key serves the way from recipe to ingredient; there is no index for the way back.

SELECT pg_catalog.setseed(0.14);

CREATE TABLE public.recipe_ingredients (
    recipe_id bigint NOT NULL,
    ingredient_id bigint NOT NULL,
    quantity numeric(8, 2) NOT NULL,
    note text
);

INSERT INTO public.recipe_ingredients (recipe_id, ingredient_id, quantity, note)
SELECT
    recipe_id,
    1 + (start + 7 * step) % sample.rows(2000, 200),
    (1 + floor(random() * 500))::numeric,
    CASE WHEN random() < 0.2 THEN sample.word('{finely chopped,to taste,at room temperature,optional}') END
FROM (
    SELECT recipe_id, sample.pick(sample.rows(2000, 200), 2) AS start
    FROM generate_series(1, sample.rows(300000)) AS recipe_id
    OFFSET 0
) AS made
CROSS JOIN generate_series(1, 4) AS step;

ALTER TABLE public.recipe_ingredients ADD PRIMARY KEY (recipe_id, ingredient_id);
