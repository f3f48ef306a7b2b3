"""Loading the sample: independent tables side by side, then foreign keys, then statistics."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.resources.abc import Traversable

    import psycopg

_SESSIONS = 2
_MEMORY = "SET maintenance_work_mem = '128MB'; SET work_mem = '64MB'"

# The slowest first, so that the sessions end at about the same time.
_TABLES = (
    "reviews",
    "recipes",
    "recipe_ingredients",
    "meal_plan_entries",
    "favourites",
    "notifications",
    "meal_plans",
    "users",
    "shopping_list_items",
    "shopping_lists",
    "ingredients",
)


@dataclass(frozen=True, slots=True)
class SampleSize:
    """How many rows the tables whose ids the workload picks hold at a scale."""

    users: int
    recipes: int
    ingredients: int
    meal_plans: int

    @classmethod
    def at(cls, scale: float) -> SampleSize:
        """The same arithmetic as ``sample.rows`` in prepare.sql."""
        return cls(
            users=max(50, round(100_000 * scale)),
            recipes=max(50, round(300_000 * scale)),
            ingredients=max(200, round(2_000 * scale)),
            meal_plans=max(50, round(250_000 * scale)),
        )


def load_sample(
    connect: Callable[[], psycopg.Connection], *, scale: float, say: Callable[[str], None] = lambda _: None
) -> None:
    """Create and fill MealSync's tables in an empty database.

    Args:
        connect: Opens a connection in autocommit mode, as the role that shall own the tables.

        scale: 1 makes tables of up to 1.25 million rows; row counts go with it.

        say: Told what is being done.
    """
    folder = files("observer.demo.sample")
    with connect() as connection:
        _run(connection, folder / "prepare.sql")

    def fill(table: str) -> None:
        with connect() as connection:
            connection.execute(_MEMORY)
            connection.execute(
                "SELECT pg_catalog.set_config('mealsync_sample.scale', %s, false)", (str(scale),)
            )
            _run(connection, folder / "tables" / f"{table}.sql")
        say(f"filled {table}")

    def settle(table: str) -> None:
        # Without it autovacuum would do the same a minute later, in the middle of what is to be watched.
        with connect() as connection:
            connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier("public", table)))

    _side_by_side(fill)
    with connect() as connection:
        connection.execute(_MEMORY)
        _run(connection, folder / "finish.sql")
    say("checked the foreign keys")
    _side_by_side(settle)
    say("collected the planner's statistics")


def _side_by_side(work: Callable[[str], None]) -> None:
    with ThreadPoolExecutor(_SESSIONS, thread_name_prefix="sample") as threads:
        try:
            for outcome in [threads.submit(work, table) for table in _TABLES]:
                outcome.result()
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def _run(connection: psycopg.Connection, file: Traversable) -> None:
    # All statements of a file in one message are one transaction; a table that is created and filled in one
    # transaction needs no WAL under wal_level=minimal.
    connection.execute(file.read_bytes())
