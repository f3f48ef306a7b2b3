"""B-tree keys: equality first, then one range or an order; groups; joins from either side."""

from __future__ import annotations

from collections import defaultdict
from itertools import permutations
from typing import TYPE_CHECKING

from observer.advisor.access import Use
from observer.advisor.indexes import Key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from observer.advisor.access import Access, Condition
    from observer.advisor.schema import Relation

_FIXED = frozenset({Use.EQUAL, Use.AMONG, Use.IS_NULL})
_UNORDERED = frozenset({"json", "point", "xml", "box", "lseg", "path", "polygon", "circle", "line", "jsonb"})
_MOST_FIXED = 5
_PATTERN_CLASS = {
    "text": "text_pattern_ops",
    "varchar": "varchar_pattern_ops",
    "bpchar": "bpchar_pattern_ops",
}


def key_lists(access: Access, relation: Relation, width: int) -> list[tuple[Key, ...]]:
    """Lists of keys that could serve this access, shortest first, each at most ``width`` long."""
    found: dict[tuple[Key, ...], None] = {}
    for conditions in _conjunctions(access.conditions):
        for keys in _of_conjunction(conditions, access, relation, width):
            tidy = tuple(dict.fromkeys(keys))[:width]
            if tidy and all(_sortable(key, relation) for key in tidy) and _once_each(tidy):
                found[tidy] = None
    return sorted(found, key=len)


def _conjunctions(conditions: tuple[Condition, ...]) -> Iterator[list[Condition]]:
    """The conditions that hold together: those of no OR, and with them those of each arm of one."""
    always = [condition for condition in conditions if condition.arm == 0 and not condition.lost]
    arms: dict[int, list[Condition]] = defaultdict(list)
    for condition in conditions:
        if condition.arm and not condition.lost:
            arms[condition.arm].append(condition)
    yield always
    for arm in arms.values():
        yield always + arm
        yield arm


def _of_conjunction(  # noqa: C901, PLR0912 - the ways to order keys, one after the other
    conditions: Iterable[Condition], access: Access, relation: Relation, width: int
) -> Iterator[tuple[Key, ...]]:
    uses: dict[Key, set[Use]] = defaultdict(set)
    for condition in conditions:
        uses[condition.key].add(condition.use)
    fixed = sorted((key for key, use in uses.items() if use & _FIXED), key=lambda key: _rank(key, relation))
    fixed = fixed[:_MOST_FIXED]
    joins = sorted(
        (key for key, use in uses.items() if Use.JOIN in use), key=lambda key: _rank(key, relation)
    )
    ranges = sorted(
        (key for key, use in uses.items() if Use.RANGE in use), key=lambda key: _rank(key, relation)
    )
    ranges += [pattern_key(key, relation) for key, use in uses.items() if Use.PREFIX in use]
    searched = list(dict.fromkeys([*joins, *fixed]))
    for length in range(1, min(width, 2) + 1):
        yield from permutations(searched, length)
    for many in (fixed, joins, searched):
        for key in many if len(many) > 2 else ():
            yield (key, *(other for other in many if other != key))
    heads: list[tuple[Key, ...]] = [()]
    heads += [(key,) for key in searched]
    heads += permutations(searched, 2)
    if len(fixed) > 1:
        heads.append(tuple(fixed))
    for head in heads:
        for ranged in ranges:
            yield (*head, ranged)
            if not head:
                yield (ranged, *(key for key in ranges if key != ranged))
                for other in [*fixed, *joins]:
                    yield (ranged, other)
        for order in access.orders:
            if not head or set(head) <= set(fixed):
                rest = tuple(key for key in order if key.plain() not in head)
                yield (*head, *rest)
        for group in access.groups:
            if not head or set(head) <= set(fixed):
                yield (*head, *(key for key in group if key not in head))
                for key in group[:width]:
                    yield (*head, key)


def pattern_key(key: Key, relation: Relation) -> Key:
    """The key for LIKE 'x%': under a collation other than C only a pattern operator class serves it."""
    column = relation.columns.get(key.text) if key.is_column else None
    if column is not None and not column.sorts_bytewise and column.base_type in _PATTERN_CLASS:
        return Key(key.text, operator_class=_PATTERN_CLASS[column.base_type])
    if column is None and not all(
        item.sorts_bytewise for item in relation.columns.values() if item.category == "S"
    ):
        return Key(key.text, is_column=False, operator_class="text_pattern_ops")
    return key


def _rank(key: Key, relation: Relation) -> tuple[float, str]:
    """Most selective first; the name decides ties, so that equal input gives equal output."""
    column = relation.columns.get(key.text) if key.is_column else None
    return (-(column.distinct if column else relation.rows / 10), key.text)


def _sortable(key: Key, relation: Relation) -> bool:
    column = relation.columns.get(key.text) if key.is_column else None
    return column is None or not (
        column.base_type in _UNORDERED or (column.category == "A" and not key.is_column)
    )


def _once_each(keys: tuple[Key, ...]) -> bool:
    return len({key.text for key in keys}) == len(keys)
