"""What the planner is asked in a search, and what the model learns of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from observer.advisor.model import Model, Rules, members
from observer.advisor.solve import FEW_STATEMENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from observer.advisor.pricing import Task


class Oracle(Protocol):
    """Who tells what a statement costs under a set of indexes."""

    relevant: list[int]

    def price(self, tasks: Iterable[Task], go_on: Callable[[], bool]) -> dict[Task, tuple[float, int]]:
        """Cost and used indexes for each task that could be answered."""

    def inferred(self, statement: int, mask: int) -> tuple[float, int] | None:
        """The same where it needs no asking."""


_STEPS = (1.0, 0.5, 0.25, 0.12, 0.06, 0.03)
"""Shares of the budget: allowed only smaller indexes, the planner shows what a tighter one would choose."""

_STEPS_AROUND = _STEPS[:5]
_STEPS_AROUND_OF_MANY = (1.0, 0.12)
"""The same for what is asked around a set, where statements are many."""

_SMALLER = 0.999

_SAME = 1.002
"""Times as much is taken for the same cost."""

_NEARLY = 0.0001
"""Share of the workload by which the model may have believed too much of a set to be right."""
_NEARLY_OF_MANY = 0.001
"""The same where statements are many."""

_LARGE = 0.05
"""Share of the budget from which on an index stands in the way of others: what less of it would do is asked,
and which set could do without it."""

_WORTH_ASKING = 0.0003
"""Share of the workload that a statement must still be able to gain, or to lose, to be asked about again."""


class Inquiry:
    """All questions of one search.

    Args:
        own: For each statement, the candidates that were made for it, as a set.

        simple: Returns sets of candidates that hold little, the simplest first: offered nothing else, the
            planner shows what each of them does.

        grow: Called with a set before its neighbourhood is asked about; adds merged and narrowed candidates
            to model and oracle and returns them as a set.
    """

    def __init__(
        self,
        model: Model,
        oracle: Oracle,
        own: list[int],
        rules: Rules,
        *,
        simple: Callable[[], Sequence[int]],
        grow: Callable[[int], int],
        go_on: Callable[[], bool],
    ) -> None:
        self.model = model
        self.oracle = oracle
        self.own = own
        self.rules = rules
        self.simple = simple
        self.grow = grow
        self.go_on = go_on
        self.many = len(own) > FEW_STATEMENTS
        self._done_without: set[Task] = set()

    def ask(self, tasks: Iterable[Task]) -> dict[Task, tuple[float, int]]:
        """Ask, and let the model learn it."""
        answers = self.oracle.price(tasks, self.go_on)
        for (statement, _), (cost, used) in answers.items():
            self.model.learn(statement, used, cost)
        return answers

    def begin(self, statements: int) -> None:
        """For each statement of a set: the best plans, the next best ones, and what parts of these do.

        Offered are simple indexes alone, then all up to a size.
        """
        budget = self.rules.budget
        affordable = self._up_to(budget)
        offers = [affordable & offer for offer in self.simple()]
        offers += [self._up_to(budget * step) for step in _STEPS]
        tasks = [
            (statement, mask & offer)
            for statement, mask in enumerate(self.own)
            if statements >> statement & 1
            for offer in offers
        ]
        answers = self.ask(tasks)
        self.ask((statement, mask & ~used) for (statement, mask), (_, used) in answers.items() if used)
        parts = []
        for statement, tiles in enumerate(self.model.tiles):
            for _, mask in tiles if statements >> statement & 1 else ():
                if mask.bit_count() > 1:
                    parts += [(statement, mask & ~(1 << number)) for number in members(mask)]
                    parts += [(statement, 1 << number) for number in members(mask)]
        self.ask(parts)

    def verify(self, chosen: int) -> bool:
        """Ask what a set really costs; whether the model had it right, nearly so, or was too careful."""
        believed = [self.model.cost(statement, chosen) for statement in range(len(self.own))]
        # Those that cannot make up what is tolerated even all together are believed.
        nearly = (_NEARLY_OF_MANY if self.many else _NEARLY) * self.model.total
        least = nearly / max(1, len(self.own)) if self.many else 0.0
        refuted: dict[int, float] = {}
        answers = self.ask(
            (statement, chosen)
            for statement, weight in enumerate(self.model.weights)
            if weight * self.model.base[statement] >= least
        )
        wrong = 0.0
        for (statement, _), (cost, _) in answers.items():
            if cost > believed[statement] * _SAME:
                wrong += self.model.weights[statement] * (cost - believed[statement])
                refuted[statement] = cost
        for statement, cost in refuted.items():
            self.model.refute(statement, chosen, cost)
        return wrong <= nearly

    def look_around(self, chosen: int) -> None:
        """Ask what each statement would do with more, with an index gone, and with a smaller one instead.

        Statements that can hardly gain any more are passed over: with hundreds of statements that is most of
        them.
        """
        model, oracle, budget = self.model, self.oracle, self.rules.budget
        new = self.grow(chosen)
        least = _WORTH_ASKING * model.total
        steps = _STEPS_AROUND_OF_MANY if self.many else _STEPS_AROUND
        limits = {budget - model.size(chosen), *(budget * step for step in steps)}
        affordable = self._up_to(budget)
        offers = [self._up_to(limit) for limit in sorted(limits)]
        offers += [affordable & offer for offer in self.simple()]
        smaller = {number: self._up_to(model.sizes[number] * _SMALLER) for number in members(chosen)}
        large = self.large(chosen)
        tasks: list[Task] = []
        for statement, own in enumerate(self.own):
            mine = chosen & oracle.relevant[statement]
            offered = own | (new & oracle.relevant[statement])
            weight = model.weights[statement]
            cost, used = oracle.inferred(statement, mine) or (model.cost(statement, mine), 0)
            if weight * (cost - model.tiles[statement][0][0]) > least:
                tasks += [(statement, mine | offered & offer) for offer in offers]
            if weight * (model.base[statement] - cost) <= least:
                continue
            for number in members(used):
                if self.many and (statement, number) in self._done_without:
                    continue
                self._done_without.add((statement, number))
                rest = mine & ~(1 << number)
                tasks += [(statement, rest), (statement, rest | offered & smaller[number])]
            for number in large:
                if used >> number & 1:
                    rest = mine & ~(1 << number)
                    tasks += [
                        (statement, rest | 1 << less) for less in members(model.covers[number] & ~chosen)
                    ]
        answers = self.ask(tasks)
        self.ask(
            (statement, mask & ~(used & ~chosen))
            for (statement, mask), (_, used) in answers.items()
            if used & ~chosen
        )

    def large(self, chosen: int) -> list[int]:
        """The indexes of a set that take up much of the budget, the largest first."""
        sizes, least = self.model.sizes, _LARGE * self.rules.budget
        large = [number for number in members(chosen) if sizes[number] >= least]
        return sorted(large, key=lambda number: (-sizes[number], number))

    def _up_to(self, size: float) -> int:
        """All candidates of at most so many bytes, as a set."""
        kept = 0
        for number, own in enumerate(self.model.sizes):
            if own <= size:
                kept |= 1 << number
        return kept
