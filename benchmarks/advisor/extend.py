"""Extend, the strongest published advisor of its kind, as a peer that is measured in the same run.

Our own implementation after Schlosser, Kossmann, Boissier: Efficient Scalable Multi-Attribute Index Selection
Using Recursive Strategies (ICDE 2019), with the settings of the comparison in PVLDB 13(11), 2020: every
column that a query names is a candidate; in each step either a column not used so far becomes an index, or
one more column is appended to an index of the set; the step that saves most for each byte more is taken, as
long as it fits and saves a share of the whole cost. A set's cost is the sum over the queries, kept by query
and those of its indexes that can matter to the query.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import psycopg

from benchmarks.advisor.judge import Picked, stand_beside_keys
from benchmarks.advisor.mentions import Mentions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.advisor.mentions import Columns

LEAST_RATIO = 1.003
"""Times the cost after a step that the cost before it must exceed."""

_COST = re.compile(r"\.\.([\d.]+) ")


def extend(dsn: str, texts: Sequence[str], budget: int, *, width: int = 2, twins: bool = False) -> Picked:
    """Select within ``budget`` bytes, as HypoPG counts them.

    Args:
        dsn: Of the database; one connection is used.

        texts: The queries, each of weight 1.

        budget: Bytes in all.

        width: Columns of an index at most.

        twins: Put twins of the existing indexes beside them first, as the judge does. The published one
            knows nothing of existing indexes.
    """
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as connection:
        if twins:
            stand_beside_keys(connection)
        whatif = _WhatIf(connection, texts)
        picked = _select(whatif, budget, width)
        return Picked(tuple(whatif.mentions.definition(index) for index in picked), whatif.explains)


class _WhatIf:
    """Costs of queries under sets of indexes, each asked for once."""

    def __init__(self, connection: psycopg.Connection[Any], texts: Sequence[str]) -> None:
        self._connection = connection
        self._texts = texts
        self.mentions = Mentions(connection, texts)
        self._standing: dict[Columns, int] = {}
        self._sizes: dict[Columns, int] = {}
        self._costs: dict[tuple[int, frozenset[Columns]], float] = {}
        self.explains = 0

    def size(self, index: Columns) -> int:
        """Bytes by HypoPG's estimate."""
        if index not in self._sizes:
            self._create(index)
        return self._sizes[index]

    def costs(self, chosen: frozenset[Columns], before: Sequence[float], changed: Columns) -> list[float]:
        """Of each query under a set; ``before`` is right for those that ``changed`` cannot matter to."""
        found = list(before)
        for number, mentioned in enumerate(self.mentions.columns):
            if not mentioned.isdisjoint(changed):
                relevant = frozenset(index for index in chosen if not mentioned.isdisjoint(index))
                found[number] = self._cost(number, relevant, chosen)
        return found

    def alone(self) -> list[float]:
        """Of each query as things stand."""
        return [self._cost(number, frozenset(), frozenset()) for number in range(len(self._texts))]

    def _cost(self, number: int, relevant: frozenset[Columns], chosen: frozenset[Columns]) -> float:
        key = (number, relevant)
        if key not in self._costs:
            self._stand(chosen)
            self.explains += 1
            row = self._connection.execute(f"EXPLAIN {self._texts[number]}".encode()).fetchone()
            cost = _COST.search(row[0]) if row else None
            assert cost is not None
            self._costs[key] = float(cost.group(1))
        return self._costs[key]

    def _stand(self, chosen: frozenset[Columns]) -> None:
        for index in [index for index in self._standing if index not in chosen]:
            self._connection.execute("SELECT hypopg_drop_index(%s)", (self._standing.pop(index),))
        for index in chosen:
            if index not in self._standing:
                self._create(index)

    def _create(self, index: Columns) -> None:
        row = self._connection.execute(
            "SELECT indexrelid, hypopg_relation_size(indexrelid) FROM hypopg_create_index(%s)",
            (self.mentions.definition(index),),
        ).fetchone()
        assert row is not None
        self._standing[index], self._sizes[index] = row


def _select(whatif: _WhatIf, budget: int, width: int) -> tuple[Columns, ...]:
    chosen: frozenset[Columns] = frozenset()
    costs = whatif.alone()
    columns = sorted(set().union(*whatif.mentions.columns))
    fresh = set(columns)
    while True:
        best_ratio, best = 0.0, None
        used = sum(whatif.size(index) for index in chosen)
        for old, new in _steps(chosen, fresh, columns, whatif.mentions.table_of, width):
            more = whatif.size(new) - (whatif.size(old) if old else 0)
            if used + more > budget:
                continue
            wanted = chosen - {old} | {new}
            found = whatif.costs(wanted, costs, new)
            if sum(found) * LEAST_RATIO >= sum(costs):
                continue
            ratio = (sum(costs) - sum(found)) / more
            if ratio > best_ratio:
                best_ratio, best = ratio, (wanted, found, new)
        if best is None:
            return tuple(sorted(chosen))
        chosen, costs, new = best
        fresh -= {new[0]}


def _steps(
    chosen: frozenset[Columns],
    fresh: set[str],
    columns: Sequence[str],
    table_of: Mapping[str, str],
    width: int,
) -> Iterator[tuple[Columns, Columns]]:
    """What each step may do: the index that goes, empty for none, and the one that comes."""
    for column in columns:
        if column in fresh:
            yield (), (column,)
    for index in sorted(chosen):
        if len(index) < width:
            for column in columns:
                if table_of[column] == table_of[index[0]] and column not in index:
                    yield index, (*index, column)
