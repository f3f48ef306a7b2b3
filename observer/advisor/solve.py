"""The best set of indexes that the model knows: greedy by several measures, then taken apart and rebuilt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.advisor.instance import Instance
from observer.advisor.model import members
from observer.advisor.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from observer.advisor.model import Model, Rules

_MEASURES = (1.0, 0.75, 0.5, 0.25)
"""Gain is divided by size to these powers: no single measure wins everywhere."""

FEW_STATEMENTS = 50
"""So many are thought over in every detail; of more, the work for each must not grow with their number."""

_FEW = 10
_MOST_PAIRS = 40
_MOST_PAIRS_OF_MANY = 10
_MOST_INSERTIONS = 24
_MOST_PASSES = 4
_LOOKS = 200_000
_LOOKS_A_STATEMENT = 1_000
"""What one thorough solution may look up: it bounds the time, in proportion to the workload."""
_WORTH_A_PASS = 1.0002

_Change = tuple[bool, int]
"""Whether indexes are pushed in (or taken out), and which."""


def solve(
    model: Model,
    rules: Rules,
    start: int = 0,
    *,
    thorough: bool = True,
    go_on: Callable[[], bool] = lambda: True,
) -> int:
    """A set within the rules, at least as good as ``start`` where that keeps them.

    The result depends on nothing but the arguments; ``go_on`` may end it early with the best set so far. One
    that is
    not ``thorough`` stays with what greed found.
    """
    return _Solver(model, rules, start, go_on).solve(thorough=thorough)


class _Solver:
    def __init__(self, model: Model, rules: Rules, start: int, go_on: Callable[[], bool]) -> None:
        self.model = model
        self.rules = rules
        self.start = start if start and model.size(start) <= rules.budget else 0
        self.go_on = go_on
        self.instance = Instance(model, self.start)
        self.least = rules.least_gain * model.total
        self.many = len(model.base) > FEW_STATEMENTS
        self.looks = 0
        self.most_looks = _LOOKS + _LOOKS_A_STATEMENT * len(model.base)
        self._per_size: dict[float, list[float]] = {}

    def solve(self, *, thorough: bool) -> int:
        if len(self.instance.candidates) <= _FEW:
            return self._best_of_all(self.instance.candidates)
        empty = State(self.instance)
        if self.start:
            begun = State(self.instance, self.start)
            if thorough:
                starts = [(begun, 0.75), (empty, 1.0), (empty, 0.5)]
            elif self.many:
                starts = [(begun, 0.75)]
            else:
                starts = [(begun, 0.75), (empty, 0.75)]
        else:
            starts = [(empty, measure) for measure in _MEASURES]
        best = empty
        for begin, measure in starts:
            found = self._completed(begin.copy(), measure)
            if found.saved > best.saved:
                best = found
            if not self.go_on():
                return best.chosen
        return (self._rebuilt(best) if thorough else best).chosen

    def _best_of_all(self, useful: list[int]) -> int:
        """Every set there is: exact, where the candidates are few."""
        best = State(self.instance)
        empty = best
        for choice in range(1, 1 << len(useful)):
            chosen = 0
            for place in members(choice):
                chosen |= 1 << useful[place]
            crowded = 0 < self.rules.most < chosen.bit_count()
            if not crowded and self.instance.size(chosen) <= self.rules.budget:
                found = empty.copy()
                for number in members(chosen):
                    found.add(number)
                if found.saved > best.saved:
                    best = found
        return self._pruned(best).chosen

    def _completed(self, state: State, measure: float, banned: int = 0) -> State:
        """Add greedily until nothing fits, then take out what does not earn its place."""
        while self.go_on() and (addition := self._best_addition(state, measure, banned)):
            for number in members(addition & ~state.chosen):
                state.add(number)
        self._pruned(state)
        self.looks += state.looks
        state.looks = 0
        return state

    def _best_addition(  # noqa: C901, PLR0912 - two loops, and the reasons to pass over
        self, state: State, measure: float, banned: int
    ) -> int:
        """What saves most for its size, alone or together; 0 when nothing fits or is worth it."""
        rules, sizes, upkeep, gains = self.rules, self.instance.sizes, self.instance.upkeep, state.gains
        room = rules.budget - state.size
        places = rules.most - state.chosen.bit_count() if rules.most else len(sizes)
        if not places:
            return 0
        per_size = self._measured(measure)
        best, best_value = 0, 0.0
        out = state.chosen | banned
        for number in self.instance.candidates:
            if sizes[number] > room:
                break  # the rest is larger
            gain = gains[number] - upkeep[number]
            if gain > self.least and not out >> number & 1:
                value = gain * per_size[number]
                if value > best_value:
                    best, best_value = 1 << number, value
        hopes = []
        for mask, together in state.joint.items():
            if together <= self.least or mask & banned:
                continue
            size = self.instance.size(mask & ~state.chosen)
            if size > room or mask.bit_count() > places:
                continue
            hope = together
            for number in self.instance.parts(mask):
                hope += gains[number]
            value = hope / size**measure
            if value > best_value:
                hopes.append((value, mask, size))
        hopes.sort(key=lambda hope: (-hope[0], hope[1]))
        for value, mask, size in hopes:
            if value <= best_value:
                break
            gain = state.gain(mask)
            if gain > self.least and gain / size**measure > best_value:
                best, best_value = mask, gain / size**measure
        return best

    def _measured(self, measure: float) -> list[float]:
        if measure not in self._per_size:
            self._per_size[measure] = [size**-measure for size in self.instance.sizes]
        return self._per_size[measure]

    def _pruned(self, state: State) -> State:
        """Take out, one by one, the index whose loss is least, while it earns less than it must."""
        while state.chosen:
            loss, number = min((state.loss(n), n) for n in members(state.chosen))
            if loss > self.least:
                break
            state.remove(number)
        return state

    def _rebuilt(self, best: State) -> State:
        """Take out an index or a pair, or push one in and others out; fill the room; keep what is better.

        A change that did not help is tried again only in the next pass, and a pass that helped nowhere is the
        last.
        """
        for _ in range(_MOST_PASSES):
            tried: set[_Change] = set()
            before = best.saved
            best = State(self.instance, best.chosen)  # afresh, so that no rounding adds up
            while change := self._next_change(best, tried):
                tried.add(change)
                if self.looks > self.most_looks or not self.go_on():
                    return best
                for found in self._changed(best, *change):
                    if found.saved > best.saved * (1 + 1e-9) + 1e-9:
                        best = found
                        break
            if best.saved <= before * _WORTH_A_PASS:
                break
        return best

    def _next_change(self, best: State, tried: set[_Change]) -> _Change | None:
        """What to try next: the largest gains that are not in, then each index, then pairs of them."""
        if sum(into for into, _ in tried) < 2 * _MOST_INSERTIONS:
            for addition in self._largest(best):
                if (True, addition) not in tried:
                    return True, addition
        for ruin in self._ruins(best.chosen):
            if (False, ruin) not in tried:
                return False, ruin
        return None

    def _largest(self, state: State) -> list[int]:
        ranked = []
        for number in self.instance.candidates:
            gain = state.gains[number] - self.instance.upkeep[number]
            if gain > self.least and not state.chosen >> number & 1:
                ranked.append((-gain, 1 << number))
        for mask, together in state.joint.items():
            if together > self.least:
                ranked.append((-together - sum(state.gains[number] for number in members(mask)), mask))
        ranked.sort()
        return [mask for _, mask in ranked[:_MOST_INSERTIONS]]

    def _changed(self, best: State, into: bool, mask: int) -> Iterator[State]:
        if into:
            state = best.copy()
            for number in members(mask & ~state.chosen):
                state.add(number)
            if self._evicted(state, mask):
                yield self._completed(state, 0.75)
            return
        without = best.copy()
        for number in members(mask):
            without.remove(number)
        self.looks += without.looks
        for measure in (1.0, 0.5):
            yield self._completed(without.copy(), measure, mask)

    def _evicted(self, state: State, kept: int) -> bool:
        """Take out those that lose least per byte until the rules are kept; whether that could be."""
        rules, sizes = self.rules, self.instance.sizes

        def broken() -> bool:
            return state.size > rules.budget or 0 < rules.most < state.chosen.bit_count()

        losses = sorted((state.loss(n) / sizes[n], n) for n in members(state.chosen & ~kept))
        for _, number in losses:
            if not broken():
                break
            state.remove(number)
        return not broken()

    def _ruins(self, chosen: int) -> list[int]:
        """What to take out: each index alone, then pairs that serve a common statement, largest first."""
        sizes = self.instance.sizes
        users = {number: set(self.instance.users[number]) for number in members(chosen)}
        singles = sorted(users, key=lambda number: (-sizes[number], number))
        pairs = [
            1 << one | 1 << other
            for place, one in enumerate(singles)
            for other in singles[place + 1 :]
            if not users[one].isdisjoint(users[other])
        ]
        pairs.sort(key=lambda pair: (-self.instance.size(pair), pair))
        most = _MOST_PAIRS_OF_MANY if self.many else _MOST_PAIRS
        return [1 << number for number in singles] + pairs[:most]
