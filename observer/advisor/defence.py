"""Whether an index can be defended before a person who reviews the advice, beside the others of its set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.advisor.access import Use
from observer.advisor.model import members

if TYPE_CHECKING:
    from observer.advisor.schema import Relation, Schema
    from observer.advisor.tuning import Tuning

_CHEAP = 40.0
"""Planner cost of ten pages read at random: a statement that costs no more beside the others is served."""

_ONLY_TO_COVER = 0.05
"""Share of the workload that an index must save whose keys a unique index has already."""

_MUCH_CHEAPER = 0.3
"""Share of its cost that a covering index must take off at least one statement, beside the others."""

_COPY_CHEAPER = 0.5
"""The same for an index that is only ever read as a copy of the table."""

COVERS_A_KEY = (
    "a unique index has the same keys already; holding more columns beside them saves too little for a second"
    " index that all writers keep up"
)
CHEAP_ALREADY = (
    "the statements it serves read a handful of pages each without it; less is hardly to be measured"
)
NOT_MUCH_CHEAPER = (
    "it makes none of its statements much cheaper: a narrow copy of the table to read instead of the table,"
    " at the writers' expense"
)


def indefensible(tuning: Tuning, schema: Schema, number: int, rest: int) -> str:
    """Why a reviewer would strike the index out; empty when he would not."""
    model, index, bit = tuning.model, tuning.pricing.indexes[number], 1 << number
    if _served_already(tuning, rest, bit):
        return CHEAP_ALREADY
    own = model.gain(rest, bit) + model.upkeep[number]
    if own < _ONLY_TO_COVER * model.total and _only_covers(tuning, number, schema.relations[index.relation]):
        return COVERS_A_KEY
    if _merely_copies(tuning, number, rest | bit):
        return "" if much_cheaper(tuning, rest, bit, _COPY_CHEAPER) else NOT_MUCH_CHEAPER
    return "" if not index.include or much_cheaper(tuning, rest, bit) else NOT_MUCH_CHEAPER


def _merely_copies(tuning: Tuning, number: int, chosen: int) -> bool:
    """Whether all statements that use it read most of it, instead of the table."""
    tasks = [(statement, chosen) for statement in members(tuning.model.touched(1 << number))]
    answers = tuning.pricing.answers(tasks).values()
    users = [answer for answer in answers if answer.used >> number & 1]
    return bool(users) and all(answer.copies >> number & 1 for answer in users)


def _served_already(tuning: Tuning, rest: int, bit: int) -> bool:
    """Whether most of what the index saves is saved on statements that cost next to nothing without it."""
    model = tuning.model
    cheap = dear = 0.0
    for statement in members(model.touched(bit)):
        now = model.cost(statement, rest)
        gain = model.weights[statement] * (now - model.cost(statement, rest | bit))
        if now <= _CHEAP:
            cheap += gain
        else:
            dear += gain
    return cheap > dear


def much_cheaper(tuning: Tuning, rest: int, bit: int, share: float = _MUCH_CHEAPER) -> int:
    """Statements off whose cost an index takes a good part, beside the others of its set, as a set.

    None of those that an index without a price, such as GIN, would serve far better: to look through a text
    or a document row by row costs much more than the planner thinks, and the narrow copy spares none of it.
    """
    model, relation = tuning.model, tuning.pricing.indexes[bit.bit_length() - 1].relation
    found = 0
    for statement in members(model.touched(bit)):
        if relation in tuning.awaits[statement]:
            continue
        if model.cost(statement, rest | bit) <= (1 - share) * model.cost(statement, rest):
            found |= 1 << statement
    return found


def _only_covers(tuning: Tuning, number: int, relation: Relation) -> bool:
    """Whether a unique index finds the row, and this one merely holds more columns beside it."""
    index = tuning.pricing.indexes[number]
    for existing in relation.indexes:
        if not existing.unique or not existing.usable or existing.index.where:
            continue
        keys = existing.index.keys
        if index.keys[: len(keys)] == keys:
            return True
        if index.include and len(keys) == 1 and keys[0] in index.keys:
            before = {key.text for key in index.keys[: index.keys.index(keys[0])]}
            if before.isdisjoint(_spans(tuning, number)):
                return True
    return False


def _spans(tuning: Tuning, number: int) -> set[str]:
    """Columns of an index' table over which a statement that it could serve reads many values."""
    index = tuning.pricing.indexes[number]
    return {
        condition.key.text
        for statement in members(tuning.model.users[number])
        for access in tuning.pricing.shapes[statement].accesses
        if access.relation == index.relation
        for condition in access.conditions
        if condition.use in (Use.RANGE, Use.PREFIX)
    }


def hopeless(tuning: Tuning, schema: Schema, chosen: int) -> int:
    """Candidates outside a set that could be defended in none, by what the planner has said, as a set."""
    model, indexes = tuning.model, tuning.pricing.indexes
    cheaper = 0
    for base, tiles, awaits in zip(model.base, model.tiles, tuning.awaits, strict=True):
        for cost, mask in tiles:
            if cost <= (1 - _MUCH_CHEAPER) * base:
                cheaper |= sum(
                    1 << number for number in members(mask) if indexes[number].relation not in awaits
                )
    found = 0
    for number, index in enumerate(indexes):
        bit = 1 << number
        if chosen & bit or not model.users[number]:
            continue
        if (index.include and not cheaper & bit) or (
            _only_covers(tuning, number, schema.relations[index.relation])
            and model.gain(0, bit) < _ONLY_TO_COVER * model.total
        ):
            found |= bit
    return found
