"""Large neighbourhood search: part of a set is taken out or forced in, greed does the rest, the better stays.

The method is Shaw's (CP 1998). What makes it work here is the choice of parts: large indexes, those that one
statement uses together, and an index exchanged for a relative, which holds less or more beside the same keys.
Greed alone comes to none of it, because each step on the way there loses. A set that is a little worse is
gone on from for a while.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from observer.advisor.model import members
from observer.advisor.state import State

if TYPE_CHECKING:
    from observer.advisor.greedy import Greed

_MEASURES = (1.0, 0.75, 0.5, 0.25)
_KINDS = ("exchange", "push", "statement", "any")
_SHARES = (0.35, 0.15, 0.1, 0.4)
"""How often a step is of each kind: by trial on 13 models, against their optimum by integer programming."""

_MOST_TAKEN = 4
_MOST_PUSHED = 24
_STAY_OUT = 0.5
"""How often what was taken out may not come back at once."""
_WORSE = 0.001
"""Share of the workload that a step may lose."""
_BACK_AFTER = 100
"""Steps without a better set, after which the best one is gone on from."""
_BETTER = 1 + 1e-7

_Step = tuple[State, int] | None
"""A set that keeps the rules, and what must not come in; None where there was nothing to change."""


class Neighbourhoods:
    """One walk. Equal input gives the same walk.

    Args:
        greed: Completes what a step leaves open.

        seed: Of the chances.
    """

    def __init__(self, greed: Greed, seed: int) -> None:
        self.greed = greed
        self.instance = greed.instance
        self._dice = random.Random(seed)  # noqa: S311 - no secret rests on it
        self._candidates = 0
        for number in self.instance.candidates:
            self._candidates |= 1 << number
        self._relatives: dict[int, int] = {}

    def search(self, begin: State, *, patience: int, most_looks: int) -> State:
        """The best set found from ``begin`` on, until so many steps bring nothing or so much is looked up."""
        greed, tolerated = self.greed, _WORSE * self.instance.model.total
        best = current = begin
        stale = 0
        end = greed.looks + most_looks
        while stale < patience and best.chosen and greed.looks < end and greed.go_on():
            stale += 1
            step = self._step(current)
            if step is None:
                continue
            found = greed.completed(step[0], self._dice.choice(_MEASURES), step[1])
            if found.saved > best.saved * _BETTER:
                best, stale = found, 0
            if found.saved >= current.saved - tolerated:
                current = found
            if stale % _BACK_AFTER == _BACK_AFTER - 1:
                current = State(self.instance, best.chosen)  # afresh, so that no rounding adds up
        return best

    def _step(self, current: State) -> _Step:
        state = current.copy()
        kind = self._dice.choices(_KINDS, _SHARES)[0]
        if kind == "exchange":
            return self._exchanged(state)
        if kind == "push":
            return self._pushed(state)
        chosen = list(members(state.chosen))
        if kind == "statement":
            statement = self._dice.choice(self.instance.users[self._dice.choice(chosen)])
            chosen = list(members(state.chosen & self.instance.views[statement].interest))
        return self._without(state, chosen)

    def _without(self, state: State, some: list[int]) -> _Step:
        """A few of these are taken out, large ones more often: they make room."""
        out = 0
        for _ in range(min(len(some), self._dice.randint(1, _MOST_TAKEN))):
            number = self._dice.choices(some, [self.instance.sizes[one] ** 0.5 for one in some])[0]
            some.remove(number)
            state.remove(number)
            if self._dice.random() < _STAY_OUT:
                out |= 1 << number
        return state, out

    def _pushed(self, state: State) -> _Step:
        """One of the largest gains comes in, and what saves least for its size makes room."""
        largest = self.greed.largest(state, _MOST_PUSHED)
        if not largest:
            return None
        pushed = self._dice.choice(largest)
        for number in members(pushed & ~state.chosen):
            state.add(number)
        return (state, 0) if self.greed.evict(state, pushed) else None

    def _exchanged(self, state: State) -> _Step:
        """A relative takes the place of an index."""
        gone = self._dice.choice(list(members(state.chosen)))
        relatives = list(members(self._related(gone) & ~state.chosen))
        if not relatives:
            return None
        come = self._dice.choice(relatives)
        state.remove(gone)
        state.add(come)
        return (state, 1 << gone) if self.greed.evict(state, 1 << come) else None

    def _related(self, number: int) -> int:
        """What can stand in for an index, what it can stand in for, and what else can for these, as a set."""
        found = self._relatives.get(number)
        if found is None:
            model = self.instance.model
            found = model.coverers[number] | model.covers[number]
            for narrow in members(model.covers[number]):
                found |= model.coverers[narrow]
            found &= self._candidates & ~(1 << number)
            self._relatives[number] = found
        return found
