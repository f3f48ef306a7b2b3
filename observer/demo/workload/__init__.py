"""MealSync: a small service with a pool and a cache, and the users who call it."""
