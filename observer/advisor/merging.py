"""New candidates from chosen ones: two of a table made one, a wide one made narrower."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from observer.advisor.model import members

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from observer.advisor.indexes import Index
    from observer.advisor.model import Model
    from observer.advisor.schema import Relation

_MOST_INCLUDED = 10


def merged(one: Index, other: Index, relation: Relation, width: int) -> Iterator[Index]:
    """Indexes that do the work of both: the longer keys of a shared head, the columns of both included."""
    if (
        one.relation != other.relation
        or one.method != "btree"
        or other.method != "btree"
        or one.where != other.where
    ):
        return
    for first, second in ((one, other), (other, one)):
        keys = first.keys
        if keys[: len(second.keys)] == second.keys or second.keys[: len(keys)] == keys:
            longer = keys if len(keys) >= len(second.keys) else second.keys
        elif keys[0] in second.keys or first.include or second.include:
            longer = keys + tuple(key for key in second.keys if key.text not in {own.text for own in keys})
            if len(longer) > width:
                longer = keys
        else:
            continue
        extra = [key for key in (*first.keys, *second.keys) if key not in longer and key.is_column]
        wanted = {*first.include, *second.include, *(key.text for key in extra)} - {
            key.text for key in longer
        }
        if len(wanted) > _MOST_INCLUDED or not wanted <= relation.columns.keys():
            continue
        yield replace(first, keys=longer, include=tuple(name for name in relation.columns if name in wanted))


def narrowed(index: Index) -> Iterator[Index]:
    """The same index with less: without INCLUDE, without its last key."""
    if index.include:
        yield replace(index, include=())
    if len(index.keys) > 1:
        yield replace(index, keys=index.keys[:-1])
        if index.include:
            yield replace(index, keys=index.keys[:-1], include=())


def cores(model: Model, most: int, relation_of: Callable[[int], object]) -> list[int]:
    """The indexes worth merging: per table the ``most`` that save most for their size, by the tiles known."""
    worth: dict[int, float] = {}
    for statement, tiles in enumerate(model.tiles):
        best: dict[int, float] = {}
        for cost, mask in tiles:
            gain = model.weights[statement] * (model.base[statement] - cost)
            for number in members(mask):
                best[number] = max(best.get(number, 0.0), gain)
        for number, gain in best.items():
            worth[number] = worth.get(number, 0.0) + gain / model.sizes[number] ** 0.5
    by_relation: dict[object, list[int]] = {}
    for number in sorted(worth, key=lambda number: (-worth[number], number)):
        by_relation.setdefault(relation_of(number), []).append(number)
    return [number for numbers in by_relation.values() for number in numbers[:most]]
