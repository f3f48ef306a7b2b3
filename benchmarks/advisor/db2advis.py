"""DB2 Advisor's way as a peer: let the planner pick from everything at once, then fill the budget.

Our own implementation after Valentin, Zuliani, Zilio, Lohman, Skelley: DB2 Advisor: An Optimizer Smart Enough
to Recommend Its Own Indexes (ICDE 2000), with the candidates of the comparison in PVLDB 13(11), 2020: for
each query all orders of up to so many of the columns that it names. An index that the planner uses is
credited with what the query saves; one that begins another adds to the credit of the longer one where that
has more for each byte. Two questions a query, and no random exchanges afterwards. With a width of 1 it is the
union of single columns.
"""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any

import psycopg

from benchmarks.advisor.judge import Picked
from benchmarks.advisor.mentions import Mentions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.advisor.mentions import Columns

_BATCH = 500


def db2advis(dsn: str, texts: Sequence[str], budget: int, *, width: int = 2) -> Picked:
    """Select within ``budget`` bytes, as HypoPG counts them; the queries are of weight 1."""
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as connection:
        mentions = Mentions(connection, texts)
        credit: dict[Columns, float] = {}
        sizes: dict[Columns, int] = {}
        for text, columns in zip(texts, mentions.columns, strict=True):
            before, _ = _planned(connection, text)
            made = _created(connection, mentions, sorted(columns), width)
            after, names = _planned(connection, text)
            for name in names & made.keys():
                index, size = made[name]
                credit[index] = credit.get(index, 0.0) + before - after
                sizes[index] = size
            connection.execute("SELECT hypopg_reset()")
        chosen = _filled(credit, sizes, budget)
        return Picked(tuple(mentions.definition(index) for index in chosen), 2 * len(texts))


def _created(
    connection: psycopg.Connection[Any], mentions: Mentions, columns: Sequence[str], width: int
) -> dict[str, tuple[Columns, int]]:
    """All candidates of a query, by HypoPG's names for them."""
    tables: dict[str, list[str]] = {}
    for column in columns:
        tables.setdefault(mentions.table_of[column], []).append(column)
    candidates = [
        order
        for owned in tables.values()
        for length in range(1, width + 1)
        for order in permutations(owned, length)
    ]
    made = {}
    for at in range(0, len(candidates), _BATCH):
        batch = candidates[at : at + _BATCH]
        rows = connection.execute(
            "SELECT i.indexname, hypopg_relation_size(i.indexrelid)"
            " FROM unnest(%s::text[]) WITH ORDINALITY d (text, place), hypopg_create_index(d.text) i"
            " ORDER BY place",
            ([mentions.definition(order) for order in batch],),
        ).fetchall()
        made |= {name: (order, size) for order, (name, size) in zip(batch, rows, strict=True)}
    return made


def _planned(connection: psycopg.Connection[Any], text: str) -> tuple[float, set[str]]:
    """The planner's cost, and names of the indexes that it uses."""
    row = connection.execute(f"EXPLAIN (FORMAT JSON) {text}".encode()).fetchone()
    assert row is not None
    return float(row[0][0]["Plan"]["Total Cost"]), set(_names(row[0][0]["Plan"]))


def _names(plan: dict[str, Any]) -> Iterator[str]:
    if "Index Name" in plan:
        yield plan["Index Name"]
    for part in plan.get("Plans", ()):
        yield from _names(part)


def _filled(credit: dict[Columns, float], sizes: dict[Columns, int], budget: int) -> list[Columns]:
    """The most credit for each byte first, what fits; an index that begins a better one is part of it."""

    def value(index: Columns) -> float:
        return credit[index] / sizes[index]

    ranked = sorted(credit, key=lambda index: (-value(index), index))
    kept: list[Columns] = []
    for index in ranked:
        longer = next((other for other in kept if other[: len(index)] == index), None)
        if longer is None:
            kept.append(index)
        else:
            credit[longer] += credit[index]
    chosen, room = [], budget
    for index in sorted(kept, key=lambda index: (-value(index), index)):
        if sizes[index] <= room:
            chosen.append(index)
            room -= sizes[index]
    return chosen
