"""Partial indexes: a constant condition becomes the predicate, when few rows meet it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from observer.advisor.access import Access, Predicate
    from observer.advisor.schema import Column, Relation

_KINDS = {
    "none": frozenset[str](),
    "nulls": frozenset({"null", "not null", "boolean", "columns"}),
    "constants": frozenset({"null", "not null", "boolean", "columns", "constant"}),
}
_MOST_DISTINCT = 100
_LARGEST_SHARE = 0.9


def predicates(access: Access, relation: Relation, allowed: str) -> Iterator[Predicate]:
    """Conditions of this access that are worth a partial index."""
    for predicate in access.predicates:
        column = relation.columns.get(predicate.column)
        if column is None or predicate.kind not in _KINDS[allowed]:
            continue
        if predicate.kind == "constant" and not 0 < column.distinct <= _MOST_DISTINCT:
            continue
        if _share(predicate, column) > _LARGEST_SHARE:
            continue  # a whole index is hardly larger, and serves statements without the condition too
        yield predicate


def _share(predicate: Predicate, column: Column) -> float:
    """Share of the rows that meet a predicate, where the statistics tell; else 0."""
    if predicate.kind == "null":
        return column.null_fraction
    if predicate.kind == "not null":
        return 1 - column.null_fraction
    if predicate.kind == "boolean":
        return dict(column.common).get("f" if predicate.text.startswith("NOT ") else "t", 0.0)
    if predicate.kind == "constant":
        return max((share for value, share in column.common if f"'{value}'" in predicate.text), default=0.0)
    return 0.0
