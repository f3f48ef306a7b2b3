"""From two samples to the full size, and statements turned to the copies of their tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observer.advisor.indexes import Index, Key
from observer.advisor.names import RelationName
from observer.advisor.sampled.moving import NotMovable, moved, moved_index
from observer.advisor.sampled.scaling import Point, scaled
from observer.advisor.schema import Column, Relation, Schema


def table(name: str, kind: str = "r", view: str = "") -> Relation:
    columns = {n: Column(n, "bigint", "int8", "N", 8, 8, True, 8, 10, 0, 0) for n in ("id", "owner")}
    return Relation(RelationName("public", name), kind, 1e6, 1e4, columns, view=view)  # type: ignore[arg-type]  # pages


RECIPES, USERS = table("recipes"), table("users")
MINE = table("mine", "v", "SELECT recipes.id, recipes.owner FROM public.recipes WHERE recipes.owner = 1")
SCHEMA = Schema({one.name: one for one in (RECIPES, USERS, MINE)})
COPIES = {RECIPES.name: "large_0", USERS.name: "large_1"}


@given(st.floats(1, 500), st.floats(0.1, 1), st.floats(1, 500), st.floats(0.001, 0.09), st.floats(0.01, 0.9))
def test_costs_that_grow_with_the_rows_are_scaled_exactly(
    fixed: float, per_row: float, fixed_with: float, per_row_with: float, share: float
) -> None:
    """Two samples determine the line; it is read at all rows."""
    rows = 1e6

    def point(part: float) -> Point:
        return Point(part, fixed + per_row * rows * part, fixed_with + per_row_with * rows * part, True, 8)

    found = scaled(point(share / 4), point(share))
    assert found is not None
    left = (fixed_with + per_row_with * rows) / (fixed + per_row * rows)
    least = point(share).within / point(share).without / 10
    assert found.left == pytest.approx(max(left, least), rel=1e-3)
    assert "fixed + slope * rows" in found.how


def test_an_index_that_is_not_used_brings_nothing() -> None:
    """However cheap it looks."""
    assert scaled(Point(0.1, 100, 10, True, 8), Point(0.4, 400, 10, False, 8)) is None


def test_a_sample_too_small_for_the_index_is_not_scaled_from() -> None:
    """The larger one's quotient understates the gain, which does no harm."""
    found = scaled(Point(0.1, 100, 100, False, 8), Point(0.4, 400, 100, True, 32))
    assert found is not None
    assert (found.left, "not scaled" in found.how) == (0.25, True)
    assert found.size == 80


def test_a_copy_of_all_rows_needs_no_scaling() -> None:
    """What the planner says of it holds as it is."""
    found = scaled(Point(0.25, 100, 100, False, 8), Point(1, 400, 100, True, 32))
    assert found is not None
    assert (found.left, found.size, found.how) == (0.25, 32, "on a copy of all rows")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT * FROM recipes WHERE owner = $1", "SELECT * FROM pg_temp.large_0 recipes WHERE owner = $1"),
        (
            "SELECT r.id FROM public.recipes r JOIN users ON users.id = r.owner",
            "SELECT r.id FROM pg_temp.large_0 r JOIN pg_temp.large_1 users ON users.id = r.owner",
        ),
        (
            "WITH users AS (SELECT id FROM recipes) SELECT * FROM users",
            "WITH users AS (SELECT id FROM pg_temp.large_0 recipes) SELECT * FROM users",
        ),
        (
            "SELECT id FROM mine",
            (
                "SELECT id FROM (SELECT recipes.id, recipes.owner FROM pg_temp.large_0 recipes"
                " WHERE recipes.owner = 1) mine"
            ),
        ),
    ],
)
def test_tables_are_moved_and_keep_their_names(text: str, expected: str) -> None:
    """Names of WITH are no tables, and views are opened."""
    assert moved(text, SCHEMA, COPIES) == expected


def test_casts_to_missing_types_are_casts_to_text() -> None:
    """As the copies of their columns are."""
    text = "SELECT id FROM recipes WHERE mood = 'good'::public.mood AND at > '2026-01-01'::date"
    found = moved(text, SCHEMA, COPIES, {"mood"})
    assert "mood = 'good'::pg_catalog.text" in found
    assert "'2026-01-01'::date" in found


def test_what_was_not_copied_is_not_read_from_elsewhere() -> None:
    """A table of the scratch database that happens to have the name is none of ours."""
    with pytest.raises(NotMovable):
        moved("SELECT * FROM orders", SCHEMA, COPIES)


def test_an_index_is_moved() -> None:
    """With all that it says."""
    index = Index(RECIPES.name, (Key("lower(x)", is_column=False),), where="owner IS NULL", method="gin")
    assert moved_index(index, "large_0").body == "pg_temp.large_0 USING gin ((lower(x))) WHERE owner IS NULL"
