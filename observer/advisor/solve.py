"""The best set of indexes that the model knows: greedy by several measures, then taken apart and rebuilt."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from observer.advisor.model import members

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from observer.advisor.model import Model, Rules

_MEASURES = (1.0, 0.75, 0.5, 0.25)
"""Gain is divided by size to these powers: no single measure wins everywhere."""

_FEW = 10
_MOST_PAIRS = 40
_MOST_INSERTIONS = 24
_MOST_PASSES = 4
_MOST_LOOKS = 2_000_000
"""Costs of statements that one thorough solution may look up: it bounds the time of large workloads."""
_WORTH_A_PASS = 1.0002


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
    return _Solver(model, rules, go_on).solve(start, thorough=thorough)


class _Solver:
    def __init__(self, model: Model, rules: Rules, go_on: Callable[[], bool]) -> None:
        self.model = model
        self.rules = rules
        self.go_on = go_on
        self.wide = [number for number, covers in enumerate(model.covers) if covers and model.users[number]]
        self.least = rules.least_gain * model.total
        self.looks = 0
        self.everyone = (1 << len(model.base)) - 1

    def solve(self, start: int, *, thorough: bool) -> int:
        useful = [number for number, users in enumerate(self.model.users) if users]
        if len(useful) <= _FEW:
            return self._best_of_all(useful)
        best, best_saved = 0, 0.0
        starts = [(0, measure) for measure in _MEASURES]
        if start and self.model.size(start) <= self.rules.budget:
            starts = [(start, 0.75), (0, 1.0), (0, 0.5)] if thorough else [(start, 0.75), (0, 0.75)]
        empty_gains = self._gains(0)
        for begin, measure in starts:
            gains = self._gains(begin) if begin else empty_gains
            found = self._prune(self._fill(begin, measure, gains))
            saved = self.model.saved(found)
            if saved > best_saved:
                best, best_saved = found, saved
            if not self.go_on():
                return best
        return self._rebuild(best, best_saved) if thorough else best

    def _best_of_all(self, useful: list[int]) -> int:
        """Every set there is: exact, where the candidates are few."""
        best, best_saved = 0, 0.0
        for choice in range(1, 1 << len(useful)):
            chosen = 0
            for place in members(choice):
                chosen |= 1 << useful[place]
            crowded = 0 < self.rules.most < chosen.bit_count()
            if not crowded and self.model.size(chosen) <= self.rules.budget:
                saved = self.model.saved(chosen)
                if saved > best_saved:
                    best, best_saved = chosen, saved
        return self._prune(best)

    def _gains(self, chosen: int, statements: int = -1) -> dict[int, float]:
        """What each set that completes a tile, and each wide index, would save on top of ``chosen``."""
        model = self.model
        additions: dict[int, None] = {}
        for statement in range(len(model.base)) if statements == -1 else members(statements):
            now = model.cost(statement, chosen)
            stands = model.stands_for(statement, chosen)
            for cost, mask in model.tiles[statement]:
                if cost >= now:
                    break
                missing = mask & ~stands
                if missing:
                    additions[missing] = None
        for number in self.wide:
            bit = 1 << number
            if not chosen & bit and (statements == -1 or model.users[number] & statements):
                additions[bit] = None
        found = {}
        open_ones = model.unsettled(chosen, self.everyone)
        for addition in additions:
            looked_at = model.touched(addition) & open_ones
            if not looked_at:
                continue
            self.looks += looked_at.bit_count()
            gain = model.gain(chosen, addition, open_ones)
            if gain > self.least:
                found[addition] = gain
        return found

    def _fill(  # noqa: C901 - one loop, and the reasons to pass over
        self, chosen: int, measure: float, gains: dict[int, float], banned: int = 0
    ) -> int:
        """Add greedily until nothing fits; a gain is looked at again only when it comes to the top."""
        model, rules = self.model, self.rules
        left = rules.budget - model.size(chosen)
        heap = []
        current = {}
        for addition, gain in gains.items():
            if addition & banned or not addition & ~chosen:
                continue
            size = model.size(addition & ~chosen)
            if size <= left:
                value = -gain / size**measure
                heap.append((value, addition))
                current[addition] = value
        heapq.heapify(heap)
        open_ones = model.unsettled(chosen, self.everyone)
        while heap:
            value, addition = heapq.heappop(heap)
            if current.get(addition) != value:
                continue
            del current[addition]
            missing = addition & ~chosen
            size = model.size(missing)
            if not missing or size > left or (rules.most and (chosen | missing).bit_count() > rules.most):
                continue
            gain = model.gain(chosen, missing, open_ones)
            if gain <= self.least:
                continue
            fresh = -gain / size**measure
            if heap and fresh > heap[0][0] + 1e-15:
                heapq.heappush(heap, (fresh, addition))
                current[addition] = fresh
                continue
            before = chosen
            chosen |= missing
            left -= size
            open_ones = model.unsettled(chosen, open_ones)
            # A tile that shared an index with this one has become cheaper to complete: its old place is too
            # low.
            for other in self._completed_sooner(before, chosen, missing):
                needed = model.size(other)
                if other & banned or needed > left:
                    continue
                gain = model.gain(chosen, other, open_ones)
                value = -gain / needed**measure
                if gain > self.least and value < current.get(other, 0.0):
                    heapq.heappush(heap, (value, other))
                    current[other] = value
        return chosen

    def _completed_sooner(self, before: int, chosen: int, added: int) -> list[int]:
        model = self.model
        found: dict[int, None] = {}
        for statement in members(model.touched(added)):
            now = model.cost(statement, chosen)
            stood, stands = model.stands_for(statement, before), model.stands_for(statement, chosen)
            for cost, mask in model.tiles[statement]:
                if cost >= now:
                    break
                missing = mask & ~stands
                if missing and missing != mask & ~stood:
                    found[missing] = None
        return list(found)

    def _prune(self, chosen: int) -> int:
        """Take out, one by one, the index whose loss is least, while it earns less than it must."""
        while chosen:
            loss, number = self._least_loss(chosen)
            if loss > self.least:
                break
            chosen &= ~(1 << number)
        return chosen

    def _least_loss(self, chosen: int) -> tuple[float, int]:
        return min((self.model.gain(chosen & ~(1 << n), 1 << n), n) for n in members(chosen))

    def _rebuild(self, best: int, best_saved: float) -> int:
        """Take out an index or a pair, or push one in and others out; fill the room; keep what is better.

        A change that did not help is tried again only in the next pass, and a pass that helped nowhere is the
        last.
        """
        for _ in range(_MOST_PASSES):
            tried: set[tuple[bool, int]] = set()
            before = best_saved
            gains = self._gains(best)
            while change := self._next_change(best, gains, tried):
                tried.add(change)
                if self.looks > _MOST_LOOKS or not self.go_on():
                    return best
                for found in self._changed(best, gains, *change):
                    saved = self.model.saved(found)
                    if saved > best_saved * (1 + 1e-9) + 1e-9:
                        best, best_saved = found, saved
                        gains = self._gains(best)
                        break
            if best_saved <= before * _WORTH_A_PASS:
                break
        return best

    def _next_change(
        self, best: int, gains: dict[int, float], tried: set[tuple[bool, int]]
    ) -> tuple[bool, int] | None:
        """What to try next: push in an addition (True), or take out a ruin (False)."""
        ranked = heapq.nsmallest(_MOST_INSERTIONS, gains, key=lambda addition: (-gains[addition], addition))
        for addition in ranked:
            if (True, addition) not in tried and sum(into for into, _ in tried) < 2 * _MOST_INSERTIONS:
                return True, addition
        for ruin in self._ruins(best):
            if (False, ruin) not in tried:
                return False, ruin
        return None

    def _changed(self, best: int, gains: dict[int, float], into: bool, mask: int) -> Iterator[int]:
        model = self.model
        if into:
            found = self._evict(best | mask, mask)
            if found:
                yield self._prune(self._fill(found, 0.75, gains))
            return
        rest = best & ~mask
        lossy = 0
        for statement in members(model.touched(mask)):
            if model.cost(statement, rest) > model.cost(statement, best):
                lossy |= 1 << statement
        fresh = {addition: gain for addition, gain in gains.items() if not model.touched(addition) & lossy}
        fresh.update(self._gains(rest, lossy))
        for measure in (1.0, 0.5):
            yield self._prune(self._fill(rest, measure, fresh, mask))

    def _evict(self, found: int, kept: int) -> int:
        """Take out those that lose least per byte until the rules are kept; 0 where that cannot be."""
        model, rules = self.model, self.rules
        losses = []
        for number in members(found & ~kept):
            bit = 1 << number
            losses.append((model.gain(found & ~bit, bit) / model.sizes[number], number))
        for _, number in sorted(losses):
            if model.size(found) <= rules.budget and not 0 < rules.most < found.bit_count():
                return found
            found &= ~(1 << number)
        fits = model.size(found) <= rules.budget and not 0 < rules.most < found.bit_count()
        return found if fits else 0

    def _ruins(self, chosen: int) -> list[int]:
        """What to take out: each index alone, then pairs that serve a common statement, largest first."""
        sizes, users = self.model.sizes, self.model.users
        singles = sorted(members(chosen), key=lambda number: (-sizes[number], number))
        pairs = [
            1 << one | 1 << other
            for place, one in enumerate(singles)
            for other in singles[place + 1 :]
            if users[one] & users[other]
        ]
        pairs.sort(key=lambda pair: (-self.model.size(pair), pair))
        return [1 << number for number in singles] + pairs[:_MOST_PAIRS]
