"""After the search: a smaller index where it does nearly the same, none where the gain cannot be defended.

The search fills its budget with whatever saves a little more. A person who reviews the advice asks instead
whether the last two per cent of a gain are worth twice the bytes, and every writer's time with them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from observer.advisor.candidates.gather import already_there
from observer.advisor.defence import indefensible, much_cheaper
from observer.advisor.merging import narrowed
from observer.advisor.model import members

if TYPE_CHECKING:
    from collections.abc import Callable

    from observer.advisor.indexes import Index
    from observer.advisor.schema import Schema
    from observer.advisor.tuning import Tuning

_SMALLER = 0.9
_FEWER_BYTES = 256 * 1024
"""An index must become a tenth smaller for it to be exchanged, and so many bytes where it loses keys."""

_HARDLY = 0.01
"""Share of what may be lost otherwise, where it loses keys and is smaller by fewer bytes."""

_READILY = 5
"""Times as much may be lost where INCLUDE falls away (it pays only while the table is vacuumed, and an update
of any column in it writes to all indexes), or where next to nothing is left to keep up, as of a partial
index."""

_FRACTION = 0.2

_MOST_PASSES = 3
"""An index that another one spoke for has more to defend it when that one is gone, and conversely."""

_MOST_EXCHANGES = 3
_MOST_ALTERNATIVES = 12

ON_LUCK = (
    "its gain rests on luck: under a LIMIT it is read in order, and nearly all that is read is thrown away;"
    " should the wanted rows lie late, the statement costs more than without it"
)
LITTLE_LESS = "saves little more than a much smaller one that is recommended"

_ASSURED = 0.5
"""Share of an index' gain that must stand without luck."""


def on_luck(tuning: Tuning, chosen: int, *, go_on: Callable[[], bool] = lambda: True) -> list[int]:
    """Indexes of a set, by number, most of whose gain counts on LIMITs that end early by luck.

    Args:
        tuning: Whose model and prices these are.

        chosen: The set.

        go_on: Asked before each question.
    """
    model, pricing = tuning.model, tuning.pricing
    claimed: dict[int, float] = {}
    assured: dict[int, float] = {}
    # The search has asked what each statement costs under its set: the answers are known.
    tasks = [(statement, chosen) for statement in members(model.touched(chosen))]
    for (statement, _), answer in pricing.answers(tasks, go_on).items():
        gain = model.weights[statement] * max(0.0, model.base[statement] - answer.cost)
        without_luck = model.weights[statement] * max(0.0, model.base[statement] - answer.cost - answer.luck)
        for number in members(answer.used):
            claimed[number] = claimed.get(number, 0.0) + gain
            assured[number] = assured.get(number, 0.0) + (
                without_luck if answer.lucky >> number & 1 else gain
            )
    return [number for number in sorted(claimed) if assured[number] < _ASSURED * claimed[number]]


@dataclass(slots=True)
class Thrift:
    """What came of it.

    Args:
        chosen: The set.

        spared: Indexes that the search had chosen, with the reason why they were left out after all.
    """

    chosen: int
    spared: dict[Index, str] = field(default_factory=dict)


def thrifty(
    tuning: Tuning,
    schema: Schema,
    chosen: int,
    *,
    tolerance: float,
    go_on: Callable[[], bool] = lambda: True,
) -> Thrift:
    """Exchange and leave out until nothing changes.

    Args:
        tuning: Whose model and prices these are.

        schema: Of the database.

        chosen: The set that the search found.

        tolerance: Share of its own saving that an index may give up for being smaller; 0 changes nothing.

        go_on: Asked before each question.
    """
    result = Thrift(chosen)
    if tolerance <= 0:
        return result
    model, indexes = tuning.model, tuning.pricing.indexes
    for _ in range(_MOST_PASSES):
        before = result.chosen
        for number in sorted(members(before), key=lambda number: (-model.sizes[number], number)):
            rest = result.chosen & ~(1 << number)
            stands = number
            for _ in range(_MOST_EXCHANGES):
                if not go_on():
                    return result
                own = model.gain(rest, 1 << stands) + model.upkeep[stands]
                smaller = _smaller(tuning, schema, stands, rest, tolerance * own)
                if smaller is None:
                    break
                result.spared[indexes[stands]] = LITTLE_LESS
                stands = smaller
            reason = indefensible(tuning, schema, stands, rest)
            if reason:
                result.spared[indexes[stands]] = reason
            result.chosen = rest if reason else rest | 1 << stands
        if result.chosen == before:
            break
    return result


def _smaller(tuning: Tuning, schema: Schema, number: int, rest: int, allowed: float) -> int | None:
    """The smallest index of the table that may stand in, by the planner's word."""
    model, pricing = tuning.model, tuning.pricing
    index, bit = pricing.indexes[number], 1 << number
    relation = schema.relations[index.relation]
    own = [narrow for narrow in narrowed(index) if not already_there(narrow, relation)]
    tuning.register(own)
    tried = {pricing.numbers[narrow] for narrow in own}
    concerned = users_of(tuning, number, rest | bit)
    if index.include:
        # What is saved by reading a narrow copy instead of the table defends no columns in an index.
        concerned = concerned & much_cheaper(tuning, rest, bit) or concerned
    asked = 0
    for other in sorted(range(len(pricing.indexes)), key=lambda other: (model.sizes[other], other)):
        candidate = pricing.indexes[other]
        if model.sizes[other] > _SMALLER * model.sizes[number] or asked >= _MOST_ALTERNATIVES:
            break
        if candidate.relation != index.relation or candidate in pricing.rejected or rest >> other & 1:
            continue
        loses_keys = candidate.where == index.where and candidate.keys == index.keys[: len(candidate.keys)]
        hardly_smaller = (
            loses_keys
            and len(candidate.keys) < len(index.keys)
            and not index.include
            and model.sizes[other] > model.sizes[number] - _FEWER_BYTES
        )
        readily = (index.include and candidate.keys == index.keys and not candidate.include) or (
            candidate.where and model.sizes[other] < _FRACTION * model.sizes[number]
        )
        may_lose = allowed * (_HARDLY if hardly_smaller else _READILY if readily else 1)
        if other not in tried and _lost(tuning, concerned, rest | bit, rest | 1 << other) > may_lose:
            continue
        asked += 1
        # The model may believe too much of a wide index, and knows nothing of luck: the planner is asked,
        # about those that use the index. The others keep their plans, or find a better one.
        lost = asked_cost(tuning, concerned, rest | 1 << other) - asked_cost(tuning, concerned, rest | bit)
        if lost + model.upkeep[other] - model.upkeep[number] <= may_lose:
            learn(tuning, concerned, rest | 1 << other)
            return other
    return None


def users_of(tuning: Tuning, number: int, chosen: int) -> int:
    """Statements whose plan under a set uses one of its indexes, as a set."""
    found = 0
    tasks = [(statement, chosen) for statement in members(tuning.model.touched(1 << number))]
    for (statement, _), answer in tuning.pricing.answers(tasks).items():
        if answer.used >> number & 1:
            found |= 1 << statement
    return found


def learn(tuning: Tuning, statements: int, chosen: int) -> None:
    """Tell the model what the planner says of a set that was never looked at."""
    tasks = [(statement, chosen) for statement in members(statements)]
    for (statement, _), (cost, used) in tuning.pricing.price(tasks).items():
        tuning.model.learn(statement, used, cost)


def asked_cost(tuning: Tuning, statements: int, chosen: int) -> float:
    """What some statements cost under a set by the planner's word, luck not counted on."""
    answers = tuning.pricing.answers([(statement, chosen) for statement in members(statements)])
    if len(answers) < statements.bit_count():
        return float("inf")
    return sum(
        tuning.model.weights[statement] * (answer.cost + answer.luck)
        for (statement, _), answer in answers.items()
    )


def _lost(tuning: Tuning, statements: int, before: int, after: int) -> float:
    """What some statements lose as far as the model knows, writers' time counted."""
    model = tuning.model
    lost = 0.0
    for statement in members(statements):
        lost += model.weights[statement] * (model.cost(statement, after) - model.cost(statement, before))
    lost += sum(model.upkeep[number] for number in members(after & ~before))
    return lost - sum(model.upkeep[number] for number in members(before & ~after))
