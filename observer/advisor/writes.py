"""What an index costs the writers of its table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from observer.advisor.indexes import Index
    from observer.advisor.schema import Relation

ENTRY_MS = 0.01
"""Milliseconds for one entry in a B-tree whose upper pages are cached: descent, insertion, WAL. An estimate."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Args:
    entries_per_second: New entries that writers must make in the index.

    hot_lost_per_second: Updates that were heap-only and cease to be, because they change a column of the index;
        each then writes an entry into every index of the table.
    """

    entries_per_second: float
    hot_lost_per_second: float
    ms_per_second: float


def upkeep(index: Index, relation: Relation, share: float, updates: dict[str, float]) -> Upkeep:
    """The write load of an index.

    Args:
        share: Of the rows that it holds, for a partial one.

        updates: By column, how many updates a second set it, as far as the workload shows.
    """
    writes = relation.writes
    if writes.seconds <= 0:
        return Upkeep(0.0, 0.0, 0.0)
    fresh = (writes.inserted + writes.updated - writes.updated_hot) / writes.seconds
    entries = fresh * share
    held = index.columns | {key.text for key in index.keys}
    changed = max((updates.get(column, 0.0) for column in held), default=0.0)
    hot = writes.updated_hot / writes.updated if writes.updated else 0.0
    lost = changed * hot
    others = len(relation.indexes)
    ms = ENTRY_MS * (entries + lost * (1 + others))
    return Upkeep(entries + lost, lost, ms)
