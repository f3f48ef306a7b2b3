"""One statement as the solver sees it: its tiles in places of its own, and where it stands under a set.

Within a statement the indexes of its tiles have *places*, so that a set of them is a number of few bits; each
candidate is known by the places that it fills, its own and those of the indexes that it can stand in for.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from observer.advisor.model import members

if TYPE_CHECKING:
    from observer.advisor.model import Model

Tile = tuple[float, int]
"""Cost, and the places that must be filled for it."""

_MOST_KEPT = 2_000
"""Standings of a statement that are kept: a search comes back to the same ones again and again."""


class Prospect(NamedTuple):
    """What a statement would gain on top: by some candidates alone, and by sets that help only together."""

    alone: list[tuple[list[int], float]]
    joint: list[tuple[int, float]]


class Standing(NamedTuple):
    """Where a statement stands under a set of indexes.

    Args:
        cost: What it costs.

        filled: The places that are filled.

        prospect: What it would gain by more.

        owed: What it would lose without each of the indexes that it uses.
    """

    cost: float
    filled: int
    prospect: Prospect
    owed: list[tuple[int, float]]


@dataclass(slots=True)
class View:
    """One statement, and what was worked out about it. Costs are weighted.

    Args:
        tiles: Cheapest first; the last one needs none.

        fills: The places that each candidate fills.

        alike: Candidates by the places that they fill.

        numbers: The index of each place.

        interest: All candidates, as a set.
    """

    tiles: list[Tile]
    fills: dict[int, int]
    alike: list[tuple[int, list[int]]]
    numbers: list[int]
    interest: int
    _prospects: dict[int, Prospect] = field(default_factory=dict)
    _standings: dict[int, Standing] = field(default_factory=dict)
    _sets: dict[int, int] = field(default_factory=dict)

    def standing(self, chosen: int) -> Standing:
        """Where the statement stands under a set."""
        key = chosen & self.interest
        found = self._standings.get(key)
        if found is None:
            if len(self._standings) >= _MOST_KEPT:
                self._standings.clear()
                self._prospects.clear()
            found = self._standings[key] = self._worked_out(key)
        return found

    def cost(self, filled: int) -> float:
        """Cost with these places filled."""
        return self._tile(filled)[0]

    def _tile(self, filled: int) -> Tile:
        for tile in self.tiles:
            if not tile[1] & ~filled:
                return tile
        return self.tiles[-1]

    def _worked_out(self, key: int) -> Standing:
        filled = once = 0
        mine = list(members(key))
        for number in mine:
            places = self.fills[number]
            once = once & ~places | places & ~filled
            filled |= places
        cost, needs = self._tile(filled)
        owed = []
        single = needs & once
        if single:
            for number in mine:
                if self.fills[number] & single:
                    rest = filled & ~(self.fills[number] & once)
                    owed.append((number, self.cost(rest) - cost))
        prospect = self._prospects.get(filled)
        if prospect is None:
            prospect = self._prospects[filled] = self._looked_ahead(cost, filled)
        return Standing(cost, filled, prospect, owed)

    def _looked_ahead(self, now: float, filled: int) -> Prospect:
        hopes = self._hopes(now, filled)
        missed = 0
        for missing, _ in hopes:
            missed |= missing
        known: dict[int, float] = {0: 0.0}
        alone = []
        for fills, numbers in self.alike:
            part = fills & missed
            gain = known.get(part)
            if gain is None:
                gain = 0.0
                for missing, more in hopes:
                    if not missing & ~part:
                        gain = more
                        break
                known[part] = gain
            if gain:
                alone.append((numbers, gain))
        joint = [(self._indexes(missing), gain) for missing, gain in hopes if missing & (missing - 1)]
        return Prospect(alone, joint)

    def _indexes(self, places: int) -> int:
        """The indexes of some places, as a set of the model's."""
        found = self._sets.get(places)
        if found is None:
            found = 0
            for place in members(places):
                found |= 1 << self.numbers[place]
            self._sets[places] = found
        return found

    def _hopes(self, now: float, filled: int) -> list[tuple[int, float]]:
        """The places that cheaper tiles still miss, and what each set of them would gain; most first."""
        best: dict[int, float] = {}
        for cost, needs in self.tiles:
            if cost >= now:
                break
            best.setdefault(needs & ~filled, now - cost)
        return list(best.items())


def view_of(model: Model, statement: int, useful: int) -> View:
    """A statement of a model, with the candidates that count."""
    weight = model.weights[statement]
    places: dict[int, int] = {}
    tiles = []
    for cost, mask in model.tiles[statement]:
        filled = 0
        for number in members(mask):
            filled |= 1 << places.setdefault(number, len(places))
        tiles.append((weight * cost, filled))
    fills: dict[int, int] = {}
    doubted = model.doubted(statement)
    for number, place in places.items():
        fills[number] = fills.get(number, 0) | 1 << place
        for wide in members(model.coverers[number] & useful):
            if not doubted.get(wide, 0) >> number & 1:
                fills[wide] = fills.get(wide, 0) | 1 << place
    by_places: dict[int, list[int]] = defaultdict(list)
    interest = 0
    for number, filled in fills.items():
        by_places[filled].append(number)
        interest |= 1 << number
    return View(tiles, fills, list(by_places.items()), list(places), interest)
