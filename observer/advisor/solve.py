"""The best set of indexes that the model knows, under the rules: greedy by several measures, then taken apart and rebuilt."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from observer.advisor.model import members

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from observer.advisor.model import Model, Rules

_MEASURES = (1.0, 0.75, 0.5, 0.25)
"""Gain is divided by size to these powers: no single measure wins everywhere."""

_MOST_PAIRS = 40
_MOST_INSERTIONS = 24


def solve(model: Model, rules: Rules, start: int = 0, *, go_on: Callable[[], bool] = lambda: True) -> int:
    """A set within the rules, at least as good as ``start`` where that keeps them.

    The result depends on nothing but the arguments; ``go_on`` may end it early with the best set so far.
    """
    return _Solver(model, rules, go_on).solve(start)


class _Solver:
    def __init__(self, model: Model, rules: Rules, go_on: Callable[[], bool]) -> None:
        self.model = model
        self.rules = rules
        self.go_on = go_on
        self.wide = [number for number, covers in enumerate(model.covers) if covers and model.users[number]]
        self.least = rules.least_gain * model.total

    def solve(self, start: int) -> int:
        best, best_saved = 0, 0.0
        starts = [(0, measure) for measure in _MEASURES]
        if start and self.model.size(start) <= self.rules.budget:
            starts = [(start, 0.75), (0, 1.0), (0, 0.5)]
        empty_gains = self._gains(0)
        for begin, measure in starts:
            gains = self._gains(begin) if begin else empty_gains
            found = self._prune(self._fill(begin, measure, gains))
            saved = self.model.saved(found)
            if saved > best_saved:
                best, best_saved = found, saved
            if not self.go_on():
                return best
        return self._rebuild(best, best_saved)

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
        for addition in additions:
            gain = model.gain(chosen, addition)
            if gain > self.least:
                found[addition] = gain
        return found

    def _fill(self, chosen: int, measure: float, gains: dict[int, float], banned: int = 0) -> int:
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
        while heap:
            value, addition = heapq.heappop(heap)
            if current.get(addition) != value:
                continue
            del current[addition]
            missing = addition & ~chosen
            size = model.size(missing)
            if not missing or size > left or (rules.most and (chosen | missing).bit_count() > rules.most):
                continue
            gain = model.gain(chosen, missing)
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
            # A tile that shared an index with this one has become cheaper to complete: its old place is too low.
            for other in self._completed_sooner(before, chosen, missing):
                needed = model.size(other)
                if other & banned or needed > left:
                    continue
                gain = model.gain(chosen, other)
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

    def _least_loss(self, chosen: int, kept: int = 0, *, per_byte: bool = False) -> tuple[float, int]:
        losses = []
        for number in members(chosen & ~kept):
            bit = 1 << number
            loss = self.model.gain(chosen & ~bit, bit)
            losses.append((loss / self.model.sizes[number] if per_byte else loss, number))
        return min(losses)

    def _rebuild(self, best: int, best_saved: float) -> int:
        """Take out an index or a pair, or push one in and others out; fill the room; keep what is better."""
        improved = True
        while improved and self.go_on():
            improved = False
            gains = self._gains(best)
            for found in self._neighbours(best, gains):
                saved = self.model.saved(found)
                if saved > best_saved * (1 + 1e-9) + 1e-9:
                    best, best_saved, improved = found, saved, True
                    break
                if not self.go_on():
                    return best
        return best

    def _neighbours(self, best: int, gains: dict[int, float]) -> Iterator[int]:
        model = self.model
        ranked = sorted(gains, key=lambda addition: (-gains[addition], addition))
        for addition in ranked[:_MOST_INSERTIONS]:
            found = best | addition
            while model.size(found) > self.rules.budget or (
                self.rules.most and found.bit_count() > self.rules.most
            ):
                if not found & ~addition:
                    break
                _, number = self._least_loss(found, addition, per_byte=True)
                found &= ~(1 << number)
            if model.size(found) <= self.rules.budget and (
                not self.rules.most or found.bit_count() <= self.rules.most
            ):
                yield self._prune(self._fill(found, 0.75, gains))
        for ruin in self._ruins(best):
            near = model.touched(ruin)
            fresh = {addition: gain for addition, gain in gains.items() if not model.touched(addition) & near}
            fresh.update(self._gains(best & ~ruin, near))
            for measure in (1.0, 0.5):
                yield self._prune(self._fill(best & ~ruin, measure, fresh, ruin))

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
