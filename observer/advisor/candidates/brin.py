"""BRIN for ranges over a large table whose rows lie in the column's order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.advisor.access import Use
from observer.advisor.indexes import Index

if TYPE_CHECKING:
    from collections.abc import Iterator

    from observer.advisor.access import Access
    from observer.advisor.schema import Relation

_LARGE = 16_384
"""Pages: 128 MB. Below that a B-tree costs little."""

_IN_ORDER = 0.9


def brin(access: Access, relation: Relation) -> Iterator[Index]:
    """One for each such column that is compared by range."""
    if relation.pages < _LARGE or relation.partitions:
        return
    for condition in access.conditions:
        column = relation.columns.get(condition.key.text) if condition.key.is_column else None
        if column and condition.use is Use.RANGE and abs(column.correlation) >= _IN_ORDER:
            yield Index(relation.name, (condition.key,), method="brin")
