"""What MealSync's service can be asked: each endpoint with its SQL, its weight and how a user chooses."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from typing import LiteralString

    import psycopg

    from observer.demo.sample import SampleSize
    from observer.demo.workload.cache import AsideCache

    Values = Mapping[str, Any]
    Chooser = Callable[[random.Random, SampleSize], dict[str, Any]]


class Pool(Protocol):
    """Where connections come from."""

    def connection(self) -> AbstractContextManager[psycopg.Connection[Any]]:
        """A connection for one transaction."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route of the service.

    Attributes:
        method: HTTP method.

        uri: Spring's path template; it is the label ``uri``.

        weight: How often users call it, relative to the others.

        sql: The statement; its parameters are named.

        choose: Makes the parameters of one call, those in the path and the rest.

        cache_seconds: How long Redis keeps the answer; 0 asks the database each time.

        when_empty: HTTP status when there is no row.
    """

    method: str
    uri: str
    weight: float
    sql: LiteralString
    choose: Chooser
    cache_seconds: int = 0
    when_empty: int = 200


def answer(endpoint: Endpoint, values: Values, *, pool: Pool, cache: AsideCache) -> list[Any] | None:
    """Rows of the answer, or how many a statement changed; ``None`` where there are none."""

    def load() -> list[Any] | None:
        with pool.connection() as connection:
            cursor = connection.execute(endpoint.sql, values)
            rows = cursor.fetchall() if cursor.description is not None else [cursor.rowcount]
        return rows or None

    if endpoint.cache_seconds == 0:
        return load()
    key = ":".join(["mealsync", endpoint.uri, *(f"{name}={value}" for name, value in values.items())])
    found: list[Any] | None = cache.get_or_load(key, load, seconds=endpoint.cache_seconds)
    return found


def document() -> str:
    """All endpoints as JSON, with parameters as Spring's JdbcTemplate names them: for the service in Java."""
    return json.dumps(
        [
            {
                "method": endpoint.method,
                "uri": endpoint.uri,
                "sql": re.sub(r"%\((\w+)\)s", r":\1", endpoint.sql),
                "cache_seconds": endpoint.cache_seconds,
                "when_empty": endpoint.when_empty,
            }
            for endpoint in ENDPOINTS
        ],
        indent=1,
    )


def skewed(rng: random.Random, n: int, skew: float = 2.5) -> int:
    """An id out of 1..n, the low ones preferred, as ``sample.pick`` does it."""
    return 1 + int(n * rng.random() ** skew)


_WORDS = ("chicken", "lentil", "tofu", "salmon", "pumpkin", "saffron")
_DISHES = ("curry", "soup", "risotto", "tacos", "ramen", "gratin")

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "GET",
        "/api/recipes/{recipe}",
        40,
        "SELECT id, name, description, minutes, servings FROM recipes"
        " WHERE id = %(recipe)s AND status = 'published' AND deleted_at IS NULL",
        lambda rng, size: {"recipe": skewed(rng, size.recipes, 20)},
        cache_seconds=120,
        when_empty=404,
    ),
    Endpoint(
        "GET",
        "/api/recipes/{recipe}/ingredients",
        16,
        "SELECT i.name, ri.quantity, i.unit FROM recipe_ingredients ri JOIN ingredients i"
        " ON i.id = ri.ingredient_id WHERE ri.recipe_id = %(recipe)s ORDER BY i.name",
        lambda rng, size: {"recipe": skewed(rng, size.recipes, 20)},
        cache_seconds=120,
    ),
    Endpoint(
        "GET",
        "/api/recipes/{recipe}/reviews",
        9,
        "SELECT id, user_id, rating, body, created_at FROM reviews"
        " WHERE recipe_id = %(recipe)s AND status = 'visible' ORDER BY created_at DESC LIMIT 10",
        lambda rng, size: {"recipe": skewed(rng, size.recipes)},
        cache_seconds=15,
    ),
    Endpoint(
        "GET",
        "/api/users/{user}/recipes",
        8,
        "SELECT id, name, status, created_at FROM recipes"
        " WHERE user_id = %(user)s AND deleted_at IS NULL ORDER BY created_at DESC LIMIT 20",
        lambda rng, size: {"user": skewed(rng, size.users)},
    ),
    Endpoint(
        "POST",
        "/api/login",
        4,
        "SELECT id, display_name, plan FROM users"
        " WHERE lower(email) = lower(%(email)s) AND deleted_at IS NULL",
        lambda rng, size: {"email": f"cook{skewed(rng, size.users, 1)}@example.com"},
        when_empty=401,
    ),
    Endpoint(
        "GET",
        "/api/users/{user}/meal-plan",
        6,
        "SELECT p.id, p.title, e.day, e.meal, e.recipe_id FROM meal_plans p"
        " JOIN meal_plan_entries e ON e.meal_plan_id = p.id"
        " WHERE p.user_id = %(user)s AND p.week_start > current_date - 21 ORDER BY p.week_start DESC, e.day",
        lambda rng, size: {"user": skewed(rng, size.users)},
    ),
    Endpoint(
        "GET",
        "/api/users/{user}/notifications",
        6,
        "SELECT id, kind, payload FROM notifications"
        " WHERE user_id = %(user)s AND read_at IS NULL ORDER BY created_at DESC LIMIT 20",
        lambda rng, size: {"user": skewed(rng, size.users)},
    ),
    Endpoint(
        "GET",
        "/api/users/{user}/shopping-list",
        4,
        "SELECT l.name, i.ingredient_id, i.quantity FROM shopping_lists l"
        " JOIN shopping_list_items i ON i.shopping_list_id = l.id"
        " WHERE l.user_id = %(user)s AND l.completed_at IS NULL AND NOT i.checked",
        lambda rng, size: {"user": skewed(rng, size.users)},
    ),
    Endpoint(
        "GET",
        "/api/ingredients/{ingredient}/recipes",
        2,
        "SELECT r.id, r.name FROM recipe_ingredients ri JOIN recipes r ON r.id = ri.recipe_id"
        " WHERE ri.ingredient_id = %(ingredient)s AND r.status = 'published'"
        " ORDER BY r.view_count DESC LIMIT 20",
        lambda rng, size: {"ingredient": skewed(rng, size.ingredients)},
        cache_seconds=30,
    ),
    Endpoint(
        "GET",
        "/api/search",
        1,
        "SELECT id, name FROM recipes"
        " WHERE to_tsvector('english', name) @@ plainto_tsquery('english', %(words)s)"
        " AND status = 'published' ORDER BY view_count DESC LIMIT 20",
        lambda rng, _: {"words": f"{rng.choice(_WORDS)} {rng.choice(_DISHES)}"},
        cache_seconds=30,
    ),
    Endpoint(
        "GET",
        "/api/admin/flagged-reviews",
        1,
        "SELECT id, recipe_id, body, created_at FROM reviews WHERE status = 'flagged'"
        " ORDER BY created_at DESC LIMIT 50",
        lambda _rng, _size: {},
    ),
    Endpoint(
        "GET",
        "/api/recipes/trending",
        0.5,
        "SELECT r.id, r.name, count(*) AS likes FROM favourites f JOIN recipes r ON r.id = f.recipe_id"
        " WHERE f.created_at > now() - interval '7 days' AND r.deleted_at IS NULL"
        " GROUP BY r.id, r.name ORDER BY likes DESC LIMIT 10",
        lambda _rng, _size: {},
        cache_seconds=10,
    ),
    Endpoint(
        "POST",
        "/api/recipes/{recipe}/reviews",
        3,
        "INSERT INTO reviews (recipe_id, user_id, rating, status, body, created_at)"
        " VALUES (%(recipe)s, %(user)s, %(rating)s, 'visible', 'Loved it.', now())",
        lambda rng, size: {
            "recipe": skewed(rng, size.recipes),
            "user": skewed(rng, size.users),
            "rating": rng.randint(1, 5),
        },
    ),
    Endpoint(
        "POST",
        "/api/recipes/{recipe}/views",
        4,
        "UPDATE recipes SET view_count = view_count + 1 WHERE id = %(recipe)s",
        lambda rng, size: {"recipe": skewed(rng, size.recipes, 4)},
    ),
    Endpoint(
        "PUT",
        "/api/meal-plans/{plan}/cooked",
        2,
        "UPDATE meal_plan_entries SET cooked = true WHERE meal_plan_id = %(plan)s AND day = %(day)s",
        lambda rng, size: {"plan": skewed(rng, size.meal_plans, 1), "day": rng.randint(1, 7)},
    ),
    Endpoint(
        "PUT",
        "/api/users/{user}/favourites",
        2,
        "INSERT INTO favourites (user_id, recipe_id, created_at) VALUES (%(user)s, %(recipe)s, now())"
        " ON CONFLICT DO NOTHING",
        lambda rng, size: {"user": skewed(rng, size.users), "recipe": skewed(rng, size.recipes)},
    ),
)
