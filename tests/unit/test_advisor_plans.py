"""What is read from EXPLAIN's JSON: the indexes of a plan, and whether its LIMIT counts on luck."""

from __future__ import annotations

from typing import Any

import pytest

from observer.advisor.indexes import Index, Key
from observer.advisor.names import RelationName
from observer.advisor.plans import Plan, read_plan

BY_TIME = Index(RelationName("public", "recipes"), (Key("created_at", descending=True, nulls_first=True),))
ROWS = {"recipes": 100_000.0, "likes": 400_000.0}


def plan(root: dict[str, Any]) -> Plan:
    return read_plan([{"Plan": root}], lambda name: BY_TIME if name == "by_time" else name, ROWS.__getitem__)


def node(kind: str, cost: float, rows: float, *children: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Node Type": kind, "Total Cost": cost, "Plan Rows": rows, "Plans": list(children), **more}


def ordered(rows: float, **more: Any) -> dict[str, Any]:
    return node("Index Scan", 9_000, rows, **{"Relation Name": "recipes", "Index Name": "by_time", **more})


def test_a_limit_that_skips_nearly_all_it_reads_counts_on_luck() -> None:
    """Wanted rows may lie late in the order; what that would cost is known, and which index led there."""
    found = plan(node("Limit", 400, 20, ordered(500, Filter="(name ~~ '%soup%')")))
    assert found.cost == 400
    assert found.luck == 9_000 - 400
    assert found.lucky == {BY_TIME}
    assert found.used == {BY_TIME}


def test_a_join_that_skips_is_luck_too() -> None:
    """The rows that a join throws away were read in the index' order as well."""
    likes = node("Index Only Scan", 0.5, 1, **{"Relation Name": "likes", "Index Name": "likes_pkey"})
    joined = node("Nested Loop", 60_000, 600, ordered(100_000), likes)
    assert plan(node("Limit", 900, 20, joined)).lucky == {BY_TIME}


@pytest.mark.parametrize(
    "child",
    [
        ordered(500),  # the index leaves these; each row that is read is a row of the answer
        ordered(92_000, Filter="(deleted_at IS NULL)"),  # nearly all rows are wanted
        node("Sort", 9_000, 500, ordered(500, Filter="(name ~~ '%soup%')")),  # all is read anyway
        node("Bitmap Heap Scan", 9_000, 500, **{"Relation Name": "recipes", "Filter": "(x)"}),
    ],
)
def test_a_limit_that_ends_early_by_right_is_no_luck(child: dict[str, Any]) -> None:
    """An order that an index gives, with no or few rows to skip, is what such an index is for."""
    found = plan(node("Limit", 30, 20, child))
    assert (found.luck, found.lucky) == (0.0, frozenset())
