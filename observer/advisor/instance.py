"""The model as one solution sees it: the candidates that could be chosen, and the statements of each.

All work for a candidate is then work for those statements, and no other.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from observer.advisor.model import members
from observer.advisor.views import view_of

if TYPE_CHECKING:
    from observer.advisor.model import Model
    from observer.advisor.views import View


class _Sizes(dict[int, int]):
    """Bytes of each set that was asked for: looked up far more often than there are sets."""

    def __init__(self, sizes: list[int]) -> None:
        super().__init__()
        self.sizes = sizes

    def __missing__(self, mask: int) -> int:
        found = self[mask] = sum(self.sizes[number] for number in members(mask))
        return found


class _Parts(dict[int, tuple[int, ...]]):
    """The numbers in each set that was asked for."""

    def __missing__(self, mask: int) -> tuple[int, ...]:
        found = self[mask] = tuple(members(mask))
        return found


class Instance:
    """What does not change while a solution is looked for.

    Args:
        keep: Indexes that must be known though others make them superfluous: those of the set to begin with.

        price: What a byte costs, in the unit of weighted cost: it decides between equal ones.
    """

    def __init__(self, model: Model, keep: int = 0, price: float = 0.0) -> None:
        self.model = model
        self.sizes = model.sizes
        self.upkeep = [load + price * size for load, size in zip(model.upkeep, model.sizes, strict=True)]
        self.views: list[View] = []
        self.users: dict[int, list[int]] = defaultdict(list)
        self.size_of = _Sizes(model.sizes)
        self.parts_of = _Parts()
        useful = worth_keeping(model) | keep
        for statement in range(len(model.base)):
            view = model.view(statement, useful, view_of)
            self.views.append(view)
            for number in view.fills:
                self.users[number].append(statement)
        self.candidates = sorted(self.users, key=lambda number: (self.sizes[number], number))


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
