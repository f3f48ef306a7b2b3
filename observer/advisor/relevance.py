"""Which statements the planner could read an index for: looked up, not searched for."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observer.advisor.access import Access, Shape
    from observer.advisor.indexes import Index
    from observer.advisor.names import RelationName


class Relevance:
    """The accesses of all statements, by what an index must begin with or hold to be of use to them.

    An index is of use when its first key is searched, sorted or grouped by, or when it holds all that the
    access reads.
    """

    def __init__(self, shapes: Sequence[Shape]) -> None:
        self._by_head: dict[tuple[RelationName, str], list[tuple[int, Access]]] = defaultdict(list)
        self._by_columns: dict[RelationName, dict[frozenset[str], list[tuple[int, Access]]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for statement, shape in enumerate(shapes):
            for access in shape.accesses:
                for head in _heads(access):
                    self._by_head[access.relation, head].append((statement, access))
                if not access.whole_row:
                    self._by_columns[access.relation][access.columns].append((statement, access))

    def statements(self, index: Index) -> list[int]:
        """Their numbers, in order."""
        found = {
            statement
            for statement, access in self._by_head.get((index.relation, index.keys[0].text), ())
            if _admits(access, index)
        }
        held = index.columns
        for columns, accesses in self._by_columns.get(index.relation, {}).items():
            if columns <= held:
                found.update(statement for statement, access in accesses if _admits(access, index))
        return sorted(found)


def _heads(access: Access) -> set[str]:
    heads = {condition.key.text for condition in access.conditions}
    heads.update(keys[0].text for keys in access.orders if keys)
    heads.update(key.text for keys in access.groups for key in keys)
    return heads


def _admits(access: Access, index: Index) -> bool:
    """Whether the access implies the index's predicate, and HypoPG would recognise its expressions there."""
    if index.where and all(predicate.text != index.where for predicate in access.predicates):
        return False
    return access.leading or not index.special
