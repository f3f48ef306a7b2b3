"""What an index costs the writers of its table."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from postgast import pg_query_pb2 as pb

from observer.advisor.tree import Unparsable, inner, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from observer.advisor.indexes import Index
    from observer.advisor.names import RelationName
    from observer.advisor.schema import Relation, Schema, Writes
    from observer.advisor.tree import Node
    from observer.advisor.workload import Statement

_WORD = re.compile(r"\w+")
_WRITES = (pb.InsertStmt, pb.UpdateStmt, pb.DeleteStmt, pb.MergeStmt, pb.CopyStmt)

ENTRY_MS = 0.005
"""Milliseconds for one entry in a B-tree that is in memory, with its WAL. Measured: 3 to 11 microseconds,
least in order of time, most for long texts at random (docs/benchmarks.md)."""

_ROW_MS = 0.0015
"""Milliseconds for each row that is inserted or updated, in the index or not: it is opened and looked at."""

_SUMMARY_MS = 0.0005
"""Milliseconds for a row in a BRIN index: its range is looked up, and seldom widened."""

_DEAD_MS = 0.001
"""Milliseconds until VACUUM has taken out the entry of a dead row, where a fifth of the rows are dead when it
comes, as autovacuum has it by default. Measured: 0.6 microseconds in order, 2 at random."""

_BRIN_KEEPS_HOT = 160000
"""Since this version an update of a column that only BRIN indexes hold stays heap-only."""


@dataclass(slots=True)
class WriteRate:
    """Rows written a second in one table, as the workload shows it.

    Args:
        changes: Rows updated a second, by the columns that are set together.
    """

    inserted: float = 0.0
    deleted: float = 0.0
    changes: dict[frozenset[str], float] = field(default_factory=dict)

    @property
    def updated(self) -> float:
        """Rows updated a second."""
        return sum(self.changes.values())


@dataclass(frozen=True, slots=True)
class Upkeep:
    """The write load of an index.

    Args:
        entries_per_second: New entries that writers must make in the index.

        hot_lost_per_second: Updates that were heap-only and cease to be, because they change a column of the
            index; each then writes an entry into every index of the table.

        ms_per_second: The server's time for these, and for taking the entries of dead rows out again.
    """

    entries_per_second: float = 0.0
    hot_lost_per_second: float = 0.0
    ms_per_second: float = 0.0


def write_rates(
    statements: Iterable[Statement], seconds: float, schema: Schema
) -> dict[RelationName, WriteRate]:
    """Rates of the tables that the workload writes to; none where its window has no length.

    They come from the window itself and not from the server's table statistics: those reach back to a reset
    that may be long ago, over bulk loads that will not come again.
    """
    rates: dict[RelationName, WriteRate] = {}
    for statement in statements if seconds > 0 else ():
        try:
            node = inner(parse(statement.text).stmt)
        except Unparsable:
            continue
        if not isinstance(node, _WRITES) or (isinstance(node, pb.CopyStmt) and not node.is_from):
            continue
        relation = schema.find(node.relation.relname, node.relation.schemaname)
        if relation is None:
            continue
        rate = rates.setdefault(relation.name, WriteRate())
        rows = max(statement.rows, 0) / seconds
        for kind, columns, share in _deeds(node, relation.writes):
            if kind == pb.CMD_INSERT:
                rate.inserted += share * rows
            elif kind == pb.CMD_DELETE:
                rate.deleted += share * rows
            else:
                rate.changes[columns] = rate.changes.get(columns, 0.0) + share * rows
    return rates


def _deeds(node: Node, writes: Writes) -> list[tuple[int, frozenset[str], float]]:
    """What a statement does to the rows that it counts: kind, columns that are set, share of the rows.

    Where it may do one or another, the table's own counts say how often.
    """
    if isinstance(node, pb.DeleteStmt):
        return [(pb.CMD_DELETE, frozenset(), 1.0)]
    if isinstance(node, pb.UpdateStmt):
        return [(pb.CMD_UPDATE, _set(node.target_list), 1.0)]
    found: dict[int, frozenset[str]] = {}
    if isinstance(node, pb.MergeStmt):
        for when in map(inner, node.merge_when_clauses):
            if isinstance(when, pb.MergeWhenClause) and when.command_type != pb.CMD_NOTHING:
                columns = _set(when.target_list) if when.command_type == pb.CMD_UPDATE else frozenset()
                found[when.command_type] = found.get(when.command_type, frozenset()) | columns
    else:
        found[pb.CMD_INSERT] = frozenset()
        if isinstance(node, pb.InsertStmt) and node.on_conflict_clause.action == pb.ONCONFLICT_UPDATE:
            found[pb.CMD_UPDATE] = _set(node.on_conflict_clause.target_list)
    counts = {
        pb.CMD_INSERT: writes.inserted,
        pb.CMD_UPDATE: writes.updated,
        pb.CMD_DELETE: writes.deleted,
    }
    # One is added to each, so that a table of which nothing is known shares out evenly.
    total = sum(counts[kind] + 1 for kind in found)
    return [(kind, columns, (counts[kind] + 1) / total) for kind, columns in found.items()]


def _set(targets: Iterable[Node]) -> frozenset[str]:
    items = (inner(item) for item in targets)
    return frozenset(item.name for item in items if isinstance(item, pb.ResTarget))


def upkeep(index: Index, relation: Relation, share: float, rate: WriteRate, version: int = 0) -> Upkeep:
    """The write load of an index that holds ``share`` of its table's rows.

    Args:
        index: That would stand.

        relation: Its table, with the indexes that stand.

        share: Of the rows that the index holds.

        rate: Of writes to the table.

        version: Of the server, as ``server_version_num`` has it.
    """
    hot = _heap_only(relation, rate, version)
    keeps = index.method == "brin" and version >= _BRIN_KEEPS_HOT
    held = frozenset() if keeps else _held(index, relation)
    lost = sum(rows for columns, rows in hot.items() if not columns.isdisjoint(held))
    written = rate.updated - sum(hot.values()) + lost
    entries = (rate.inserted + written) * share
    dead = (rate.deleted + written) * share
    ms = _ROW_MS * (rate.inserted + rate.updated)
    ms += _SUMMARY_MS * entries if index.method == "brin" else ENTRY_MS * entries + _DEAD_MS * dead
    ms += (ENTRY_MS + _DEAD_MS) * lost * len(relation.indexes)
    return Upkeep(entries, lost, ms)


def _heap_only(relation: Relation, rate: WriteRate, version: int) -> Mapping[frozenset[str], float]:
    """Updates a second that write no index as things stand, by the columns that are set together.

    The table's own counts say what share of all updates that is. Those that set a column of an index are none
    of them, unless the share is too large for that: then the statements set columns to what they were, as
    object mappers do.
    """
    writes, updated = relation.writes, rate.updated
    if not updated or not writes.updated:
        return {}
    hot = writes.updated_hot / writes.updated * updated
    standing = frozenset(
        column
        for existing in relation.indexes
        if existing.index.method != "brin" or version < _BRIN_KEEPS_HOT
        for column in _held(existing.index, relation)
    )
    free = {columns: rows for columns, rows in rate.changes.items() if columns.isdisjoint(standing)}
    if sum(free.values()) < hot:
        free = rate.changes
    part = hot / sum(free.values()) if free else 0.0
    return {columns: rows * part for columns, rows in free.items()}


def _held(index: Index, relation: Relation) -> frozenset[str]:
    """Columns whose update writes the index: its own, and those that its expressions and predicate read."""
    texts = [key.text for key in index.keys if not key.is_column]
    words = {word for text in [*texts, index.where] for word in _WORD.findall(text)}
    return index.columns | frozenset(words & relation.columns.keys())
