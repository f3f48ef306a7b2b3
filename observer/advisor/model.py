"""What is known of each statement's cost under any set of indexes: the solver's view of the planner.

A *tile* is a fact that the planner gave: with these indexes present the statement costs no more than this.
The cost of a statement under a set is bounded above by its cheapest tile inside the set, and the bound is
exact wherever the planner was asked about the set itself or about a larger one whose plan used only members
of the set.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Kept = TypeVar("Kept")


def members(mask: int) -> Iterator[int]:
    """The numbers in a set, in order."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


_LEAST_PRICE = 0.00001


@dataclass(frozen=True, slots=True)
class Rules:
    """What a set of indexes must keep.

    Args:
        budget: Bytes in all.

        most: Number of indexes in all; 0 for any.

        least_gain: An index must save this share of the whole workload's weighted cost.
    """

    budget: int
    most: int = 0
    least_gain: float = 0.0005

    def price(self, total: float) -> float:
        """What a byte costs, in the unit of weighted cost, of which a workload has ``total``.

        So much that a whole budget of indexes must save what one of them must; of two equal sets the smaller
        is better.
        """
        return max(self.least_gain, _LEAST_PRICE) * total / max(1, self.budget)


@dataclass(slots=True)
class Model:
    """Statements, candidates and tiles.

    An index whose keys begin with another's, in whatever order, and which holds all that the other holds, can
    stand in for it. The model believes so, at the same cost, until the planner was asked and said otherwise:
    that is where candidates made by merging get their chance without a question for each, and where of two
    orders that do the same the planner's choice does not hide the other.

    Args:
        weights: Of each statement: what one unit of its planner cost is worth.

        base: Cost of each statement with nothing added.
    """

    weights: Sequence[float]
    base: list[float]
    sizes: list[int] = field(default_factory=list)
    upkeep: list[float] = field(default_factory=list)
    tiles: list[list[tuple[float, int]]] = field(default_factory=list)
    users: list[int] = field(default_factory=list)
    covers: list[int] = field(default_factory=list)
    coverers: list[int] = field(default_factory=list)
    _interest: list[int] = field(default_factory=list)
    _doubted: list[dict[int, int]] = field(default_factory=list)
    _memo: list[dict[int, float]] = field(default_factory=list)
    _sizes_of: dict[int, int] = field(default_factory=dict)
    _views: dict[int, tuple[int, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tiles = [[(cost, 0)] for cost in self.base]
        self._interest = [0] * len(self.base)
        self._doubted = [{} for _ in self.base]
        self._memo = [{} for _ in self.base]

    @property
    def all(self) -> int:
        """Every candidate, as a set."""
        return (1 << len(self.sizes)) - 1

    @property
    def total(self) -> float:
        """The workload's weighted cost with nothing added."""
        return sum(weight * cost for weight, cost in zip(self.weights, self.base, strict=True))

    def add_index(self, size: int, upkeep: float, covers: int = 0, covered_by: int = 0) -> int:
        """Make a candidate known, with what it can stand in for and what can for it; return its number."""
        number = len(self.sizes)
        bit = 1 << number
        self.sizes.append(size)
        self.upkeep.append(upkeep)
        self.users.append(0)
        self.covers.append(covers)
        self.coverers.append(covered_by)
        for other in members(covers):
            self.coverers[other] |= bit
            self.users[number] |= self.users[other]
        for other in members(covered_by):
            self.covers[other] |= bit
        for statement in members(self.users[number]):
            self._interest[statement] |= bit
            self._forget(statement)
        return number

    def resize(self, number: int, size: int) -> None:
        """Give a candidate another size."""
        self.sizes[number] = size
        self._sizes_of.clear()

    def learn(self, statement: int, mask: int, cost: float) -> None:
        """Take in a tile."""
        tiles = self.tiles[statement]
        for known, inside in tiles:
            if known > cost * (1 + 1e-9):
                break
            if inside & ~mask == 0:
                return
        if mask == 0:
            return
        tiles[:] = [tile for tile in tiles if not (tile[0] >= cost and mask & ~tile[1] == 0)]
        insort(tiles, (cost, mask))
        concerned = mask
        for number in members(mask):
            concerned |= self.coverers[number]
        for number in members(concerned):
            self.users[number] |= 1 << statement
        self._interest[statement] |= concerned
        self._forget(statement)

    def refute(self, statement: int, chosen: int, cost: float) -> None:
        """The planner was asked about a set and said ``cost``: what promised less was not true.

        Every cheaper tile that only a stand-in brought into the set loses those stand-ins, for this
        statement; what is wider than they are would cost no less.
        """
        doubted = self._doubted[statement]
        wide = self.stands_for(statement, chosen)
        for promised, mask in self.tiles[statement]:
            if promised >= cost:
                break
            if mask & ~wide:
                continue
            for narrow in members(mask & ~chosen):
                for number in members(self.coverers[narrow] & chosen):
                    for wider in (number, *members(self.coverers[number] & self.coverers[narrow])):
                        doubted[wider] = doubted.get(wider, 0) | 1 << narrow
            wide = self.stands_for(statement, chosen)
        self._forget(statement)

    def _forget(self, statement: int) -> None:
        self._memo[statement].clear()
        self._views.pop(statement, None)

    def view(self, statement: int, useful: int, make: Callable[[Model, int, int], Kept]) -> Kept:
        """What ``make`` makes of a statement and the candidates that count, kept until more is known."""
        counting = useful & self._interest[statement]
        kept = self._views.get(statement)
        if kept is None or kept[0] != counting:
            kept = self._views[statement] = (counting, make(self, statement, useful))
        return cast("Kept", kept[1])

    def doubted(self, statement: int) -> Mapping[int, int]:
        """For a statement, the indexes that each wide one was seen not to stand in for."""
        return self._doubted[statement]

    @property
    def doubted_anywhere(self) -> int:
        """Indexes that some statement does not take for all that they cover, as a set."""
        found = 0
        for doubted in self._doubted:
            for number in doubted:
                found |= 1 << number
        return found

    @property
    def interesting(self) -> int:
        """Indexes that any statement could use by what is known, as a set."""
        found = 0
        for interest in self._interest:
            found |= interest
        return found

    def stands_for(self, statement: int, chosen: int) -> int:
        """A set together with the indexes that its members can stand in for."""
        wide = chosen
        doubted = self._doubted[statement]
        for number in members(chosen & self._interest[statement]):
            covers = self.covers[number]
            if covers:
                wide |= covers & ~doubted.get(number, 0)
        return wide

    def cost(self, statement: int, chosen: int) -> float:
        """What a statement is believed to cost under a set."""
        key = chosen & self._interest[statement]
        memo = self._memo[statement]
        found = memo.get(key)
        if found is None:
            wide = self.stands_for(statement, key)
            found = self.base[statement]
            for cost, mask in self.tiles[statement]:
                if mask & ~wide == 0:
                    found = cost
                    break
            memo[key] = found
        return found

    def saved(self, chosen: int) -> float:
        """Weighted cost saved by a set, upkeep of its indexes deducted."""
        gain = 0.0
        for statement in members(self.touched(chosen)):
            gain += self.weights[statement] * (self.base[statement] - self.cost(statement, chosen))
        return gain - sum(self.upkeep[number] for number in members(chosen))

    def worth(self, chosen: int, rules: Rules) -> float:
        """What a set saves, the price of its bytes deducted."""
        return self.saved(chosen) - rules.price(self.total) * self.size(chosen)

    def size(self, chosen: int) -> int:
        """Bytes of a set."""
        found = self._sizes_of.get(chosen)
        if found is None:
            found = self._sizes_of[chosen] = sum(self.sizes[number] for number in members(chosen))
        return found

    def touched(self, mask: int) -> int:
        """Statements that any index of a set could serve, as a set."""
        statements = 0
        for number in members(mask):
            statements |= self.users[number]
        return statements

    def gain(self, chosen: int, added: int) -> float:
        """What adding indexes to a set saves more."""
        union = chosen | added
        total = 0.0
        for statement in members(self.touched(added)):
            total += self.weights[statement] * (self.cost(statement, chosen) - self.cost(statement, union))
        for number in members(added & ~chosen):
            total -= self.upkeep[number]
        return total
