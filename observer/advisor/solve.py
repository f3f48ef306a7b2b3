"""The best set of indexes that the model knows: of all where they are few, else by greed and its repair."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.advisor.greedy import Greed
from observer.advisor.instance import Instance
from observer.advisor.model import members
from observer.advisor.neighbourhoods import Neighbourhoods
from observer.advisor.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from observer.advisor.model import Model, Rules

_MEASURES = (1.0, 0.75, 0.5, 0.25)
"""Gain is divided by size to these powers: no single measure wins everywhere."""

FEW_STATEMENTS = 50
"""So many are thought over in every detail; of more, the work for each must not grow with their number."""

_FEW = 10

_LOOKS = 100_000
_LOOKS_A_STATEMENT = 300
"""Statements that a search of neighbourhoods may look at: it bounds the time by the size of the workload."""


def solve(
    model: Model,
    rules: Rules,
    start: int = 0,
    *,
    patience: int = 100,
    seed: int = 0,
    go_on: Callable[[], bool] = lambda: True,
) -> int:
    """A set within the rules, at least as good as ``start`` where that keeps them.

    The result depends on nothing but the arguments; ``go_on`` may end it early with the best set so far.

    Args:
        model: What is known.

        rules: What the set must keep.

        start: The set to begin with.

        patience: Steps of the search of neighbourhoods that may bring nothing, one after the other; with 0 it
            stays with what greed finds, in a tenth of the time.

        seed: Of that search's chances: the same one gives the same result.

        go_on: Asked before each step.
    """
    begun = start if start and model.size(start) <= rules.budget else 0
    instance = Instance(model, begun, rules.price(model.total))
    greed = Greed(instance, rules, go_on)
    if len(instance.candidates) <= _FEW:
        return _best_of_all(greed)
    best = _greediest(greed, begun, bool(patience))
    if not patience:
        return best.chosen
    most = _LOOKS + _LOOKS_A_STATEMENT * len(model.base)
    return Neighbourhoods(greed, seed).search(best, patience=patience, most_looks=most).chosen


def without(
    model: Model,
    rules: Rules,
    start: int,
    numbers: Iterable[int],
    *,
    go_on: Callable[[], bool] = lambda: True,
) -> list[int]:
    """For each of some indexes of a set, what greed makes of the room that it takes up."""
    instance = Instance(model, start, rules.price(model.total))
    greed = Greed(instance, rules, go_on)
    begun = State(instance, start)
    found = []
    for number in numbers:
        state = begun.copy()
        state.remove(number)
        found.append(greed.completed(state, 0.75, 1 << number).chosen)
    return found


def _greediest(greed: Greed, start: int, anew: bool) -> State:
    """The best that greed comes to, from the set to begin with and from nothing."""
    best = empty = State(greed.instance)
    if start:
        begun = State(greed.instance, start)
        starts = [(begun, 0.75)]
        if anew or len(greed.instance.model.base) <= FEW_STATEMENTS:
            starts.append((empty, 0.75))
    else:
        starts = [(empty, measure) for measure in _MEASURES]
    for begin, measure in starts:
        found = greed.completed(begin.copy(), measure)
        if found.saved > best.saved:
            best = found
        if not greed.go_on():
            break
    return best


def _best_of_all(greed: Greed) -> int:
    """Every set there is: exact, where the candidates are few."""
    useful, rules = greed.instance.candidates, greed.rules
    best = empty = State(greed.instance)
    for choice in range(1, 1 << len(useful)):
        chosen = 0
        for place in members(choice):
            chosen |= 1 << useful[place]
        crowded = 0 < rules.most < chosen.bit_count()
        if not crowded and greed.instance.size_of[chosen] <= rules.budget:
            found = empty.copy()
            for number in members(chosen):
                found.add(number)
            if found.saved > best.saved:
                best = found
    best = best.copy()
    greed.prune(best)
    return best.chosen
