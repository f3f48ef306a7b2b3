-- Foreign keys once all tables are filled: one check of each instead of one per row.

ALTER TABLE public.recipes ADD FOREIGN KEY (user_id) REFERENCES public.users;
ALTER TABLE public.recipe_ingredients
    ADD FOREIGN KEY (recipe_id) REFERENCES public.recipes,
    ADD FOREIGN KEY (ingredient_id) REFERENCES public.ingredients;
ALTER TABLE public.reviews
    ADD FOREIGN KEY (recipe_id) REFERENCES public.recipes,
    ADD FOREIGN KEY (user_id) REFERENCES public.users;
ALTER TABLE public.favourites
    ADD FOREIGN KEY (user_id) REFERENCES public.users,
    ADD FOREIGN KEY (recipe_id) REFERENCES public.recipes;
ALTER TABLE public.meal_plans ADD FOREIGN KEY (user_id) REFERENCES public.users;
ALTER TABLE public.meal_plan_entries
    ADD FOREIGN KEY (meal_plan_id) REFERENCES public.meal_plans,
    ADD FOREIGN KEY (recipe_id) REFERENCES public.recipes;
ALTER TABLE public.shopping_lists ADD FOREIGN KEY (user_id) REFERENCES public.users;
ALTER TABLE public.shopping_list_items
    ADD FOREIGN KEY (shopping_list_id) REFERENCES public.shopping_lists,
    ADD FOREIGN KEY (ingredient_id) REFERENCES public.ingredients;
ALTER TABLE public.notifications ADD FOREIGN KEY (user_id) REFERENCES public.users;

DROP SCHEMA sample CASCADE;
