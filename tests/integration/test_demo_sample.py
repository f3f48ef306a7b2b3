"""MealSync's data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from observer.demo.sample import SampleSize, load_sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from observer.demo.servers import PostgresServer

SCALE = 0.02


@pytest.fixture(scope="module")
def sample(postgres: PostgresServer) -> Iterator[psycopg.Connection]:
    postgres.create_database("sample_one")
    load_sample(lambda: postgres.connect("sample_one"), scale=SCALE)
    with postgres.connect("sample_one") as connection:
        yield connection
    postgres.execute("postgres", "DROP DATABASE sample_one WITH (FORCE)")


def test_row_counts_follow_the_scale(sample: psycopg.Connection) -> None:
    """The big tables hold what full scale times the factor says, and ids are without holes."""
    size = SampleSize.at(SCALE)
    for table, rows in (
        ("users", size.users),
        ("recipes", size.recipes),
        ("ingredients", size.ingredients),
        ("meal_plans", size.meal_plans),
        ("recipe_ingredients", 4 * size.recipes),
        ("meal_plan_entries", 5 * size.meal_plans),
        ("reviews", 20_000),
    ):
        query = f"SELECT count(*) FROM public.{table}"
        assert sample.execute(query.encode()).fetchone() == (rows,), table
    assert sample.execute("SELECT max(id) FROM public.recipes").fetchone() == (size.recipes,)


def test_the_indexes_a_service_would_need_are_missing(sample: psycopg.Connection) -> None:
    """There are keys, two needless indexes, and nothing else."""
    rows = sample.execute(
        "SELECT indexrelid::pg_catalog.regclass::text FROM pg_catalog.pg_index i"
        " JOIN pg_catalog.pg_class c ON c.oid = i.indrelid"
        " WHERE c.relnamespace = 'public'::pg_catalog.regnamespace AND NOT indisprimary AND NOT indisunique"
    ).fetchall()
    assert {name for (name,) in rows} == {"favourites_user_id_idx", "reviews_rating_idx"}


def test_foreign_keys_hold_and_statistics_are_there(sample: psycopg.Connection) -> None:
    """Fourteen foreign keys are validated, and the planner knows every table."""
    keys = sample.execute(
        "SELECT count(*) FROM pg_catalog.pg_constraint WHERE contype = 'f' AND convalidated"
    ).fetchone()
    assert keys == (14,)
    unknown = sample.execute(
        "SELECT relname FROM pg_catalog.pg_class WHERE relkind = 'r' AND reltuples < 1"
        " AND relnamespace = 'public'::pg_catalog.regnamespace"
    ).fetchall()
    assert unknown == []


def test_popularity_is_skewed(sample: psycopg.Connection) -> None:
    """A tenth of the recipes has far more than a tenth of the reviews."""
    row = sample.execute(
        "SELECT count(*) FILTER (WHERE recipe_id <= %s)::float8 / count(*) FROM public.reviews",
        (SampleSize.at(SCALE).recipes // 10,),
    ).fetchone()
    assert row is not None
    assert row[0] > 0.25


def test_the_same_data_each_time(sample: psycopg.Connection, postgres: PostgresServer) -> None:
    """A second load gives the same recipes, times apart."""
    digest = (
        b"SELECT md5(string_agg(md5((user_id, name, cuisine, status)::text), '' ORDER BY id)) FROM recipes"
    )
    postgres.create_database("sample_two")
    load_sample(lambda: postgres.connect("sample_two"), scale=SCALE)
    with postgres.connect("sample_two") as second:
        assert second.execute(digest).fetchone() == sample.execute(digest).fetchone()
    postgres.execute("postgres", "DROP DATABASE sample_two WITH (FORCE)")
