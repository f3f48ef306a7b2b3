"""A set of indexes under change: what each statement costs now, and what every candidate would save on top.

Kept up to date change by change: adding or taking out an index costs work only for the statements that it
could serve, and little of that where a statement has stood the same way before.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

from observer.advisor.model import members

if TYPE_CHECKING:
    from observer.advisor.instance import Instance
    from observer.advisor.views import Prospect, Standing


class State:
    """A set and its consequences.

    ``gains`` holds for each candidate what it would save alone, its upkeep not deducted; ``joint`` for each
    set of several what it would save where only all of it together helps. ``losses`` holds for each chosen
    index what would be lost without it, its upkeep not deducted. ``looks`` counts the statements looked at.
    """

    __slots__ = (
        "chosen",
        "gains",
        "instance",
        "joint",
        "looks",
        "losses",
        "saved",
        "size",
        "standings",
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
        self.standings: list[Standing] = [view.standing(0) for view in instance.views]
        for standing in self.standings:
            self._hope(standing.prospect)
        for number in members(chosen):
            self.add(number)

    def copy(self) -> State:
        """The same set, to be changed apart."""
        other = copy(self)
        other.looks = 0
        other.gains = self.gains[:]
        other.joint = self.joint.copy()
        other.losses = self.losses.copy()
        other.standings = self.standings[:]
        return other

    def add(self, number: int) -> None:
        """Take an index in."""
        self.chosen |= 1 << number
        self.losses[number] = 0.0
        self.size += self.instance.sizes[number]
        self.saved -= self.instance.upkeep[number]
        self._move(self.instance.users[number])

    def remove(self, number: int) -> None:
        """Take an index out."""
        self.chosen &= ~(1 << number)
        self.size -= self.instance.sizes[number]
        self.saved += self.instance.upkeep[number]
        self._move(self.instance.users[number])
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
                new[statement] = new.get(statement, 0) | instance.views[statement].fills[number]
        self.looks += len(new)
        for statement, fills in new.items():
            standing = self.standings[statement]
            if fills & ~standing.filled:
                total += standing.cost - instance.views[statement].cost(standing.filled | fills)
        return total

    def _move(self, statements: list[int]) -> None:
        """Let statements stand as the set now has it."""
        views, standings, losses = self.instance.views, self.standings, self.losses
        self.looks += len(statements)
        for statement in statements:
            old = standings[statement]
            new = standings[statement] = views[statement].standing(self.chosen)
            for number, lost in old.owed:
                losses[number] -= lost
            for number, lost in new.owed:
                losses[number] += lost
            if new.filled != old.filled:
                self.saved += old.cost - new.cost
                self._give_up(old.prospect)
                self._hope(new.prospect)

    def _hope(self, prospect: Prospect) -> None:
        gains, joint = self.gains, self.joint
        for numbers, gain in prospect.alone:
            for number in numbers:
                gains[number] += gain
        for mask, gain in prospect.joint:
            joint[mask] = joint.get(mask, 0.0) + gain

    def _give_up(self, prospect: Prospect) -> None:
        gains, joint = self.gains, self.joint
        for numbers, gain in prospect.alone:
            for number in numbers:
                gains[number] -= gain
        for mask, gain in prospect.joint:
            rest = joint.get(mask, 0.0) - gain
            if rest > self.tiny:
                joint[mask] = rest
            else:
                joint.pop(mask, None)  # what is left is rounding
