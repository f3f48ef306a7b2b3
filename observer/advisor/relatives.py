"""Which candidates may stand in for which: those with the same first keys that hold as much."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from observer.advisor.indexes import Index, Key
    from observer.advisor.names import RelationName

_Head = tuple["RelationName", str, frozenset["Key"]]
"""What two indexes must share for one to stand in for the other: table, predicate and first keys.

The order of the keys is left open: for columns that are compared for equality it makes no difference, an
index that holds all that is read is read in any order, and where it does make a difference the planner says
so.
"""


class Relatives:
    """The candidates so far, by their first keys."""

    def __init__(self) -> None:
        self._by_keys: dict[_Head, list[tuple[int, frozenset[str]]]] = defaultdict(list)
        self._by_head: dict[_Head, list[tuple[int, frozenset[str]]]] = defaultdict(list)

    def add(self, number: int, index: Index) -> tuple[int, int]:
        """Make a candidate known, once.

        Returns:
            Those before it that it may stand in for, and those that may stand in for it, as sets.
        """
        if index.method != "btree":
            return 0, 0
        narrower = wider = 0
        held = index.columns
        heads = [
            (index.relation, index.where, frozenset(index.keys[:length]))
            for length in range(1, len(index.keys) + 1)
        ]
        for head in heads:
            for other, columns in self._by_keys.get(head, ()):
                if columns <= held:
                    narrower |= 1 << other
        for other, columns in self._by_head.get(heads[-1], ()):
            if held <= columns:
                wider |= 1 << other
        self._by_keys[heads[-1]].append((number, held))
        for head in heads:
            self._by_head[head].append((number, held))
        return narrower, wider
