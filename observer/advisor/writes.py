"""What an index costs the writers of its table."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from postgast import pg_query_pb2 as pb

from observer.advisor.equivalents import updated_columns
from observer.advisor.tree import Unparsable, inner, parse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from observer.advisor.indexes import Index
    from observer.advisor.names import RelationName
    from observer.advisor.schema import Relation, Schema
    from observer.advisor.workload import Statement

_WORD = re.compile(r"\w+")

ENTRY_MS = 0.01
"""Milliseconds for one entry in a B-tree whose upper pages are cached, with its WAL. An estimate."""


@dataclass(slots=True)
class WriteRate:
    """Rows written a second in one table, as the workload shows it.

    Args:
        by_column: Rows updated a second, by the column that is set.
    """

    inserted: float = 0.0
    updated: float = 0.0
    by_column: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Upkeep:
    """The write load of an index.

    Args:
    entries_per_second: New entries that writers must make in the index.

    hot_lost_per_second: Updates that were heap-only and cease to be, because they change a column of the
    index;
        each then writes an entry into every index of the table.
    """

    entries_per_second: float = 0.0
    hot_lost_per_second: float = 0.0
    ms_per_second: float = 0.0


def write_rates(
    statements: Iterable[Statement], seconds: float, schema: Schema
) -> dict[RelationName, WriteRate]:
    """Rates of the tables that the workload writes to; none where its window has no length.

    They come from the window itself and not from the server's table statistics: those reach back to a reset
    that may
    be long ago, over bulk loads that will not come again.
    """
    rates: dict[RelationName, WriteRate] = {}
    for statement in statements if seconds > 0 else ():
        try:
            raw = parse(statement.text)
        except Unparsable:
            continue
        node = inner(raw.stmt)
        if not isinstance(node, pb.InsertStmt | pb.UpdateStmt):
            continue
        relation = schema.find(node.relation.relname, node.relation.schemaname)
        if relation is None:
            continue
        rate = rates.setdefault(relation.name, WriteRate())
        rows = max(statement.rows, 0) / seconds
        if isinstance(node, pb.InsertStmt):
            rate.inserted += rows
        else:
            rate.updated += rows
            for column in updated_columns(raw):
                rate.by_column[column] = rate.by_column.get(column, 0.0) + rows
    return rates


def upkeep(index: Index, relation: Relation, share: float, rate: WriteRate) -> Upkeep:
    """The write load of an index that holds ``share`` of its table's rows."""
    held = index.columns | _spoken_of(index, relation)
    hot = relation.writes.updated_hot / relation.writes.updated if relation.writes.updated else 0.0
    changed = max((rows for column, rows in rate.by_column.items() if column in held), default=0.0)
    lost = changed * hot
    entries = (rate.inserted + rate.updated * (1 - hot)) * share + lost
    ms = ENTRY_MS * (entries + lost * len(relation.indexes))
    return Upkeep(entries, lost, ms)


def _spoken_of(index: Index, relation: Relation) -> frozenset[str]:
    """Columns that its expressions and its predicate read: an update of one is not heap-only either."""
    texts = [key.text for key in index.keys if not key.is_column]
    words = {word for text in [*texts, index.where] for word in _WORD.findall(text)}
    return frozenset(words & relation.columns.keys())
