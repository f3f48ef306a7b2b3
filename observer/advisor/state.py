"""A set of indexes under change: what each statement costs now, and what every candidate would save on top.

Kept up to date change by change: adding or taking out an index costs work only for the statements that it
could serve.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

from observer.advisor.model import members

if TYPE_CHECKING:
    from observer.advisor.instance import Instance

_Part = tuple[list[tuple[list[int], float]], list[tuple[int, float]]]
"""What one statement would gain: by candidates alone, and by sets that are worth something only together."""

_NOTHING: _Part = ([], [])


class State:
    """A set and its consequences.

    ``gains`` holds for each candidate what it would save alone, its upkeep not deducted; ``joint`` for each
    set of several what it would save where only all of it together helps. ``losses`` holds for each chosen
    index what would be lost without it, its upkeep not deducted.
    """

    __slots__ = (
        "at",
        "chosen",
        "filled",
        "gains",
        "instance",
        "joint",
        "looks",
        "losses",
        "once",
        "owed",
        "parts",
        "saved",
        "size",
        "tiny",
    )

    def __init__(self, instance: Instance, chosen: int = 0) -> None:
        self.instance = instance
        self.chosen = 0
        self.size = 0
        self.saved = 0.0
        self.looks = 0
        self.gains = [0.0] * len(instance.sizes)
        self.losses: dict[int, float] = {}
        self.joint: dict[int, float] = {}
        self.tiny = instance.model.total * 1e-12
        count = len(instance.tiles)
        self.filled = [0] * count
        self.once = [0] * count
        self.at = [len(tiles) - 1 for tiles in instance.tiles]
        self.parts: list[_Part] = [_NOTHING] * count
        self.owed: list[list[tuple[int, float]]] = [[]] * count
        for statement in range(count):
            self._look(statement)
        for number in members(chosen):
            self.add(number)

    def copy(self) -> State:
        """The same set, to be changed apart."""
        other = copy(self)
        other.looks = 0
        other.gains = self.gains[:]
        other.joint = self.joint.copy()
        other.filled = self.filled[:]
        other.once = self.once[:]
        other.at = self.at[:]
        other.parts = self.parts[:]
        other.losses = self.losses.copy()
        other.owed = self.owed[:]
        return other

    def add(self, number: int) -> None:
        """Take an index in."""
        instance = self.instance
        self.chosen |= 1 << number
        self.losses[number] = 0.0
        self.size += instance.sizes[number]
        self.saved -= instance.upkeep[number]
        for statement in instance.users[number]:
            fills = instance.fills[statement][number]
            filled = self.filled[statement]
            self.once[statement] = self.once[statement] & ~fills | fills & ~filled
            if fills & ~filled:
                self.filled[statement] = filled | fills
                self._settle(statement)
            self._owe(statement)

    def remove(self, number: int) -> None:
        """Take an index out."""
        instance = self.instance
        self.chosen &= ~(1 << number)
        self.size -= instance.sizes[number]
        self.saved += instance.upkeep[number]
        for statement in instance.users[number]:
            fills = instance.fills[statement]
            filled = once = 0
            for other in members(instance.interest[statement] & self.chosen):
                places = fills[other]
                once = once & ~places | places & ~filled
                filled |= places
            self.once[statement] = once
            if filled != self.filled[statement]:
                self.filled[statement] = filled
                self._settle(statement)
            self._owe(statement)
        del self.losses[number]

    def loss(self, number: int) -> float:
        """What would be lost without a chosen index, its upkeep won back."""
        return self.losses[number] - self.instance.upkeep[number]

    def gain(self, added: int) -> float:
        """What several indexes together would save, their upkeep deducted."""
        instance = self.instance
        new: dict[int, int] = {}
        total = 0.0
        for number in members(added & ~self.chosen):
            total -= instance.upkeep[number]
            for statement in instance.users[number]:
                new[statement] = new.get(statement, 0) | instance.fills[statement][number]
        self.looks += len(new)
        for statement, fills in new.items():
            filled = self.filled[statement]
            if fills & ~filled:
                tiles = instance.tiles[statement]
                cost = tiles[self.at[statement]][0]
                total += instance.weights[statement] * (cost - _tile(tiles, filled | fills)[0])
        return total

    def _settle(self, statement: int) -> None:
        """What the statement costs with the places that are filled now, and what it would still gain."""
        instance = self.instance
        tiles = instance.tiles[statement]
        before = tiles[self.at[statement]][0]
        filled = self.filled[statement]
        at = 0
        while tiles[at][1] & ~filled:
            at += 1
        self.at[statement] = at
        self.saved += instance.weights[statement] * (before - tiles[at][0])
        alone, joint = self.parts[statement]
        gains, together = self.gains, self.joint
        for numbers, gain in alone:
            for number in numbers:
                gains[number] -= gain
        for mask, gain in joint:
            rest = together.get(mask, 0.0) - gain
            if rest > self.tiny:
                together[mask] = rest
            else:
                together.pop(mask, None)  # what is left is rounding
        self._look(statement)

    def _owe(self, statement: int) -> None:
        """What the statement would lose without each of the indexes that it uses."""
        instance, losses = self.instance, self.losses
        for number, lost in self.owed[statement]:
            losses[number] -= lost
        owed = []
        tiles = instance.tiles[statement]
        cost, needs = tiles[self.at[statement]]
        single = needs & self.once[statement]
        if single:
            fills, filled, weight = (
                instance.fills[statement],
                self.filled[statement],
                instance.weights[statement],
            )
            for number in members(instance.interest[statement] & self.chosen):
                if fills[number] & single:
                    rest = filled & ~(fills[number] & self.once[statement])
                    lost = weight * (_tile(tiles, rest)[0] - cost)
                    losses[number] += lost
                    owed.append((number, lost))
        self.owed[statement] = owed

    def _look(self, statement: int) -> None:
        instance = self.instance
        at = self.at[statement]
        if not at:
            self.parts[statement] = _NOTHING
            return
        tiles = instance.tiles[statement]
        filled = self.filled[statement]
        weight, now = instance.weights[statement], tiles[at][0]
        open_tiles = [(weight * (now - cost), needs & ~filled) for cost, needs in tiles[:at] if cost < now]
        self.looks += len(instance.alike[statement])
        alone, joint = [], []
        gains, together = self.gains, self.joint
        for fills, numbers in instance.alike[statement]:
            if fills & ~filled:
                for gain, missing in open_tiles:
                    if not missing & ~fills:
                        alone.append((numbers, gain))
                        for number in numbers:
                            gains[number] += gain
                        break
        names = instance.numbers[statement]
        for gain, missing in open_tiles:
            if missing & (missing - 1):
                mask = 0
                for place in members(missing):
                    mask |= 1 << names[place]
                joint.append((mask, gain))
                together[mask] = together.get(mask, 0.0) + gain
        self.parts[statement] = (alone, joint)


def _tile(tiles: list[tuple[float, int]], filled: int) -> tuple[float, int]:
    """The cheapest tile of which all places are filled; the last one needs none."""
    for tile in tiles:
        if not tile[1] & ~filled:
            return tile
    return tiles[-1]
