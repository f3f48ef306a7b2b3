"""Greed: fill the room that a set leaves with what saves most for its size, take out what earns little."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.advisor.model import members

if TYPE_CHECKING:
    from collections.abc import Callable

    from observer.advisor.instance import Instance
    from observer.advisor.model import Rules
    from observer.advisor.state import State


class Greed:
    """Changes states within the rules; counts what it looks up on the way.

    Args:
        instance: What may be chosen.

        rules: What every set must keep.

        go_on: Asked before each step; what is there by then is returned.
    """

    def __init__(self, instance: Instance, rules: Rules, go_on: Callable[[], bool]) -> None:
        self.instance = instance
        self.rules = rules
        self.go_on = go_on
        self.least = rules.least_gain * instance.model.total
        self.looks = 0
        self._per_size: dict[float, list[float]] = {}

    def completed(self, state: State, measure: float, banned: int = 0) -> State:
        """Add until nothing fits, then take out what does not earn its place. The state itself is changed.

        Args:
            state: What to begin with.

            measure: A gain is divided by the size to this power: 1 prefers small indexes, 0 large gains.

            banned: What must not come in, as a set.
        """
        while self.go_on() and (addition := self._best_addition(state, measure, banned)):
            for number in members(addition & ~state.chosen):
                state.add(number)
        self.prune(state)
        self.looks += state.looks
        state.looks = 0
        return state

    def prune(self, state: State) -> None:
        """Take out, one by one, the index whose loss is least, while it earns less than it must."""
        while state.chosen:
            loss, number = min((state.loss(n), n) for n in members(state.chosen))
            if loss > self.least:
                break
            state.remove(number)

    def evict(self, state: State, kept: int) -> bool:
        """Take out those that lose least per byte until the rules are kept; whether that could be."""
        rules, sizes = self.rules, self.instance.sizes
        while state.size > rules.budget or 0 < rules.most < state.chosen.bit_count():
            out = state.chosen & ~kept
            if not out:
                return False
            _, number = min((state.loss(n) / sizes[n], n) for n in members(out))
            state.remove(number)
        return True

    def largest(self, state: State, most: int) -> list[int]:
        """What would save most beside a state, whatever its size: single indexes and sets of several."""
        ranked = []
        for number in self.instance.candidates:
            gain = state.gains[number] - self.instance.upkeep[number]
            if gain > self.least and not state.chosen >> number & 1:
                ranked.append((-gain, 1 << number))
        for mask, together in state.joint.items():
            if together > self.least:
                ranked.append((-together - sum(state.gains[number] for number in members(mask)), mask))
        ranked.sort()
        return [mask for _, mask in ranked[:most]]

    def _best_addition(  # noqa: C901 - two loops, and the reasons to pass over
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
        least, size_of, parts_of = self.least, self.instance.size_of, self.instance.parts_of
        for mask, together in state.joint.items():
            # What is missing is not chosen: the whole of the set would come in.
            size = size_of[mask]
            if size > room or together <= least or mask & banned or mask.bit_count() > places:
                continue
            hope = together
            for number in parts_of[mask]:
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
