"""The model as one solution sees it: only candidates that could be chosen, and small sets for each statement.

Within a statement the indexes of its tiles have *places* of their own, so that a set of them is a number of
few bits; each candidate is known by the places that it fills, its own and those of the indexes that it can
stand in for. All work for a candidate is then work for the statements that it could serve, and no other.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from observer.advisor.model import members

if TYPE_CHECKING:
    from observer.advisor.model import Model

Tile = tuple[float, int]
"""Cost, and the places that must be filled for it."""


class Instance:
    """What does not change while a solution is looked for.

    Args:
        keep: Indexes that must be known though others make them superfluous: those of the set to begin with.
    """

    def __init__(self, model: Model, keep: int = 0) -> None:
        self.model = model
        self.sizes = model.sizes
        self.upkeep = model.upkeep
        self.weights = model.weights
        self.tiles: list[list[Tile]] = []
        self.fills: list[dict[int, int]] = []
        self.alike: list[list[tuple[int, list[int]]]] = []
        self.numbers: list[list[int]] = []
        self.users: dict[int, list[int]] = defaultdict(list)
        self.interest: list[int] = []
        self._sizes_of: dict[int, int] = {}
        self._parts_of: dict[int, tuple[int, ...]] = {}
        useful = worth_keeping(model) | keep
        for statement in range(len(model.base)):
            self._take_in(statement, useful)
        self.candidates = sorted(self.users, key=lambda number: (self.sizes[number], number))

    def size(self, mask: int) -> int:
        """Bytes of a set."""
        found = self._sizes_of.get(mask)
        if found is None:
            found = self._sizes_of[mask] = sum(self.sizes[number] for number in members(mask))
        return found

    def parts(self, mask: int) -> tuple[int, ...]:
        """The numbers in a set, kept for the next time."""
        found = self._parts_of.get(mask)
        if found is None:
            found = self._parts_of[mask] = tuple(members(mask))
        return found

    def _take_in(self, statement: int, useful: int) -> None:
        view = self.model.view(statement, useful, _view)
        self.tiles.append(view.tiles)
        self.fills.append(view.fills)
        self.alike.append(view.alike)
        self.numbers.append(view.numbers)
        self.interest.append(view.interest)
        for number in view.fills:
            self.users[number].append(statement)


@dataclass(frozen=True, slots=True)
class View:
    """One statement, in places of its own.

    Args:
        tiles: With places in the stead of indexes, cheapest first; the last one needs none.

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


def _view(model: Model, statement: int, useful: int) -> View:
    places: dict[int, int] = {}
    tiles = []
    for cost, mask in model.tiles[statement]:
        filled = 0
        for number in members(mask):
            filled |= 1 << places.setdefault(number, len(places))
        tiles.append((cost, filled))
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


def worth_keeping(model: Model) -> int:
    """Candidates that no smaller one outdoes, as a set.

    One that the planner was never seen to use counts only for what it stands in for: where another stands in
    for as much, is no larger and costs the writers no more, it can be left out of the search without loss.
    """
    tiled = 0
    for tiles in model.tiles:
        for _, mask in tiles:
            tiled |= mask
    doubted = model.doubted_anywhere
    kept, seen = tiled, 0
    order = sorted(members(model.interesting), key=lambda number: (model.sizes[number], number))
    for number in order:
        bit = 1 << number
        if not tiled & bit:
            covered = model.covers[number] & tiled
            rivals = seen if covered else 0
            for narrow in members(covered):
                rivals &= model.coverers[narrow] | 1 << narrow
            if covered and all(model.upkeep[rival] > model.upkeep[number] for rival in members(rivals)):
                kept |= bit
        if not doubted & bit:
            seen |= bit
    return kept
