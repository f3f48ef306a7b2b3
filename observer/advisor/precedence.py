"""After the search: which key stands first where it is all the same to the statements.

To a statement that compares both with one value, an index on ``(status, recipe_id)`` and one on
``(recipe_id, status)`` are the same: it reads the same entries in the same order. PostgreSQL prices them
differently all the same, by how well the table is sorted by the first key (``cost_index`` knows the
correlation of that one alone), and the search follows. A reviewer puts the selective key first, where it
serves other statements too, and checks of the foreign key.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from observer.advisor.access import Use
from observer.advisor.candidates.gather import already_there
from observer.advisor.model import members
from observer.advisor.thrift import Thrift, asked_cost, learn, users_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from observer.advisor.access import Shape
    from observer.advisor.indexes import Index, Key
    from observer.advisor.names import RelationName
    from observer.advisor.schema import Relation, Schema
    from observer.advisor.tuning import Tuning

_CLEARLY = 10
"""Times as many distinct values a key must have to be put first: estimates change with every ANALYZE, and
advice should not."""

OTHER_ORDER = (
    "the same keys are recommended with the most selective first: its statements read the same entries either"
    " way, and that one serves others too"
)

_ALIKE = 1e-6
"""Share of their cost that statements may lose: what rounding makes of nothing."""


def in_order(
    tuning: Tuning, schema: Schema, chosen: int, *, go_on: Callable[[], bool] = lambda: True
) -> Thrift:
    """The same set, with a clearly more selective key first wherever no statement pays for it.

    An index whose better key leads another one, chosen or standing, stays as it is: nothing would be won.

    Args:
        tuning: Whose model and prices these are.

        schema: Of the database.

        chosen: The set.

        go_on: Asked before each index.
    """
    result = Thrift(chosen)
    for number in members(chosen):
        if not go_on():
            break
        index = tuning.pricing.indexes[number]
        relation = schema.relations[index.relation]
        standing = [existing.index for existing in relation.indexes if existing.usable]
        rest = result.chosen & ~(1 << number)
        leading = _leading([*standing, *(tuning.pricing.indexes[other] for other in members(rest))], relation)
        for turned in _turned(index, relation):
            if turned.keys[0].text in leading or already_there(turned, relation) or tuning.is_banned(turned):
                continue
            tuning.register([turned])
            other = tuning.pricing.numbers[turned]
            # Its size is the same, unless it may not be chosen.
            if tuning.model.sizes[other] <= tuning.model.sizes[number] and not _worse(
                tuning, rest, number, other
            ):
                result.chosen = rest | 1 << other
                result.spared[index] = OTHER_ORDER
                break
    return result


def _leading(indexes: Iterable[Index], relation: Relation) -> set[str]:
    """What leads an index of all rows of the table."""
    return {
        index.keys[0].text
        for index in indexes
        if index.relation == relation.name and index.method == "btree" and not index.where
    }


def _turned(index: Index, relation: Relation) -> Iterator[Index]:
    """The index with another key first, of those that are clearly more selective the best one first."""
    if index.method != "btree":
        return
    least = _CLEARLY * _distinct(index.keys[0], relation)
    better = [key for key in index.keys[1:] if _distinct(key, relation) >= least > 0]
    for first in sorted(better, key=lambda key: -_distinct(key, relation)):
        yield replace(index, keys=(first, *(key for key in index.keys if key != first)))


def _distinct(key: Key, relation: Relation) -> float:
    column = relation.columns.get(key.text) if key.is_column else None
    return column.distinct if column else 0.0


def _worse(tuning: Tuning, rest: int, number: int, other: int) -> bool:
    """Whether any statement pays, by what a B-tree is or else by the planner's word."""
    before, after = rest | 1 << number, rest | 1 << other
    index, turned = tuning.pricing.indexes[number], tuning.pricing.indexes[other]
    moved = frozenset(key.text for key in index.keys[: index.keys.index(turned.keys[0]) + 1])
    concerned = users_of(tuning, number, before)
    alike = [
        statement
        for statement in members(concerned)
        if _fixes(tuning.pricing.shapes[statement], index.relation, moved)
    ]
    # Those must still find it the best of the set.
    answers = tuning.pricing.answers([(statement, after) for statement in alike])
    if sum(answer.used >> other & 1 for answer in answers.values()) < len(alike):
        return True
    others = concerned & ~sum(1 << statement for statement in alike)
    if asked_cost(tuning, others, after) > asked_cost(tuning, others, before) * (1 + _ALIKE):
        return True
    learn(tuning, concerned, after)
    return False


def _fixes(shape: Shape, relation: RelationName, keys: frozenset[str]) -> bool:
    """Whether a statement compares all of the keys with one value each, wherever it names the table."""
    return all(
        keys
        <= {
            condition.key.text
            for condition in access.conditions
            if condition.use is Use.EQUAL and not condition.arm and not condition.lost
        }
        for access in shape.accesses
        if access.relation == relation
    )
