"""Search: ask little, solve on what is known, ask about the neighbourhood of the answer, solve again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from observer.advisor.model import Model, Rules, members
from observer.advisor.solve import FEW_STATEMENTS, solve, without

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


@dataclass(frozen=True, slots=True)
class Found:
    """The best set so far, and how the search went."""

    chosen: int
    rounds: int
    finished: bool


_STEPS = (1.0, 0.5, 0.25, 0.12, 0.06, 0.03)
"""Shares of the budget: allowed only smaller indexes, the planner shows what a tighter one would choose."""

_STEPS_OF_MANY = (1.0, 0.12)
"""The same, in the rounds that follow, where statements are many."""

_MOST_ROUNDS = 30
_MOST_CORRECTIONS = 8
_MOST_CORRECTIONS_OF_MANY = 2

_PATIENCE = 25
"""Steps of the search of neighbourhoods that may bring nothing. More of them find better sets by the model,
which then has more wrong: to ask the planner about another set brings more."""

_PATIENCE_OF_MANY = 3_000
"""The same times the number of statements, where these are many: each step looks at many of them."""
_LEAST_PATIENCE = 10

_GAINED = 1.0003
"""Times as much must be saved for another round to have brought something."""

_SAME = 1.002
"""Times as much is taken for the same cost."""

_NEARLY = 0.0001
"""Share of the workload by which the model may have believed too much of a set to be right."""
_NEARLY_OF_MANY = 0.001
"""The same where statements are many."""

_STALE = 3
"""Rounds that may bring nothing, one after the other; each looks around another set."""

_LARGE = 0.05
"""Share of the budget from which on an index stands in the way of others: what less of it would do is asked,
and which set could do without it."""

_WORTH_ASKING = 0.0003
"""Share of the workload that a statement must still be able to gain, or to lose, to be asked about again."""


class Search:
    """One search over one model.

    Args:
        own: For each statement, the candidates that were made for it, as a set.

        simple: Returns sets of candidates that hold little, the simplest first: offered nothing else, the
            planner shows what each of them does.

        grow: Called with the chosen set before each round; adds merged and narrowed candidates to model and
            oracle and returns them as a set.

        start: The set to begin with.

        anew: Statements whose best plans are asked for at the beginning, as a set; all where it is -1.
    """

    def __init__(
        self,
        model: Model,
        oracle: Oracle,
        own: list[int],
        rules: Rules,
        *,
        simple: Callable[[], Sequence[int]] = lambda: (),
        grow: Callable[[int], int] = lambda _: 0,
        start: int = 0,
        anew: int = -1,
        go_on: Callable[[], bool] = lambda: True,
        progress: Callable[[int, float, int], None] = lambda *_: None,
    ) -> None:
        self.model = model
        self.oracle = oracle
        self.own = own
        self.rules = rules
        self.simple = simple
        self.grow = grow
        self.go_on = go_on
        self.progress = progress
        self.best = start
        self.anew = anew
        self.many = len(own) > FEW_STATEMENTS
        self.patience = max(_LEAST_PATIENCE, _PATIENCE_OF_MANY // len(own)) if self.many else _PATIENCE
        self.solved = 0
        self.verified: set[int] = set()
        self.looked_at: set[int] = set()
        self.done_without: set[Task] = set()

    def run(self) -> Found:
        """Search until a round brings nothing or time is up."""
        self._seed()
        self.grow(0)
        rounds, finished, stale = 0, False, 0
        model = self.model
        while rounds < _MOST_ROUNDS:
            chosen = self._settle(self.patience)
            gained = model.saved(chosen) > model.saved(self.best) * _GAINED
            stale = 0 if gained else stale + 1
            if self._worth(chosen) > self._worth(self.best):
                self.best = chosen
            self.progress(rounds, model.saved(self.best), self.best)
            rounds += 1
            if not self.go_on():
                break
            if stale >= (_STALE if self.anew == -1 else 1):
                finished = True
                break
            self._look_around(self.best)
            if stale:
                self._think_of_others()
                self._look_around(self._rival())
        return Found(self.best, rounds, finished)

    def _worth(self, chosen: int) -> float:
        return self.model.worth(chosen, self.rules)

    def _rival(self) -> int:
        """The best set that the planner was asked about and whose neighbourhood was not looked at yet."""
        others = self.verified - self.looked_at
        return max(others, key=lambda chosen: (self._worth(chosen), chosen), default=self.best)

    def _think_of_others(self) -> None:
        """Sets that do without one of the large indexes of the best one: what else their room could hold."""
        for number in self._large(self.best):
            if not self.go_on():
                break
            other = without(self.model, self.rules, self.best, number, go_on=self.go_on)
            if other not in self.verified:
                self._verify(other)
                self.verified.add(other)

    def _large(self, chosen: int) -> list[int]:
        """The indexes of a set that take up much of the budget, the largest first."""
        sizes, least = self.model.sizes, _LARGE * self.rules.budget
        large = [number for number in members(chosen) if sizes[number] >= least]
        return sorted(large, key=lambda number: (-sizes[number], number))

    def _settle(self, patience: int) -> int:
        """Solve, ask what the answer really costs, solve again, until the planner agrees with the model."""
        before = self.model.saved(self.best)
        best = self._corrected(self.best, 0)
        if not self.go_on() or self.anew != -1:
            return best  # what stands was thought over before; a few statements look for something else
        if self.many and self.model.saved(best) > before * _GAINED:
            return best  # greed still gets on
        return self._corrected(best, patience)

    def _corrected(self, start: int, patience: int) -> int:
        """The best set that the planner agreed with, after so many corrections at most.

        What greed finds shows most of what the model has wrong, and is found in a tenth of the time.
        """
        best = start
        for _ in range(_MOST_CORRECTIONS_OF_MANY if self.many else _MOST_CORRECTIONS):
            begin = best if patience else start
            chosen = solve(
                self.model, self.rules, begin, patience=patience, seed=self.solved, go_on=self.go_on
            )
            self.solved += 1
            right = self._verify(chosen)
            self.verified.add(chosen)
            best = max(best, chosen, key=self._worth)
            if right or not self.go_on():
                break
        return best

    def _ask(self, tasks: Iterable[Task]) -> dict[Task, tuple[float, int]]:
        answers = self.oracle.price(tasks, self.go_on)
        for (statement, _), (cost, used) in answers.items():
            self.model.learn(statement, used, cost)
        return answers

    def _within(self, mask: int, size: float) -> int:
        kept = 0
        for number in members(mask):
            if self.model.sizes[number] <= size:
                kept |= 1 << number
        return kept

    def _seed(self) -> None:
        """For each statement: the best plan with indexes up to a size, and the next best one."""
        affordable = self._within(self.model.all, self.rules.budget)
        offers = [affordable & offer for offer in self.simple()]
        offers += [self._within(affordable, self.rules.budget * step) for step in _STEPS]
        tasks = [
            (statement, mask & offer)
            for statement, mask in enumerate(self.own)
            if self.anew >> statement & 1
            for offer in offers
        ]
        answers = self._ask(tasks)
        peeled = [(statement, mask & ~used) for (statement, mask), (_, used) in answers.items() if used]
        answers = self._ask(peeled)
        parts = []
        for statement, tiles in enumerate(self.model.tiles):
            for _, mask in tiles if self.anew >> statement & 1 else ():
                if mask.bit_count() > 1:
                    parts += [(statement, mask & ~(1 << number)) for number in members(mask)]
                    parts += [(statement, 1 << number) for number in members(mask)]
        self._ask(parts)

    def _verify(self, chosen: int) -> bool:
        """Ask what the set really costs; whether the model had it right, nearly so, or was too careful."""
        believed = [self.model.cost(statement, chosen) for statement in range(len(self.own))]
        # Those that cannot make up what is tolerated even all together are believed.
        nearly = (_NEARLY_OF_MANY if self.many else _NEARLY) * self.model.total
        least = nearly / max(1, len(self.own)) if self.many else 0.0
        refuted: dict[int, float] = {}
        answers = self._ask(
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

    def _look_around(self, chosen: int) -> None:
        """Ask what each statement would do with more, with an index gone, and with a smaller one instead.

        Statements that can hardly gain any more are passed over: with hundreds of statements that is most of
        them.
        """
        self.looked_at.add(chosen)
        new = self.grow(chosen)
        room = self.rules.budget - self.model.size(chosen)
        least = _WORTH_ASKING * self.model.total
        steps = _STEPS_OF_MANY if self.many else _STEPS[:5]
        tasks: list[Task] = []
        large = self._large(chosen)
        affordable, simple = self._within(self.model.all, self.rules.budget), self.simple()
        for statement, own in enumerate(self.own):
            mine = chosen & self.oracle.relevant[statement]
            offered = own | (new & self.oracle.relevant[statement])
            weight = self.model.weights[statement]
            answer = self.oracle.inferred(statement, mine)
            now = answer[0] if answer else self.model.cost(statement, mine)
            if weight * (now - self.model.tiles[statement][0][0]) > least:
                limits = {room, *(self.rules.budget * step for step in steps)}
                tasks += [(statement, mine | self._within(offered, limit)) for limit in sorted(limits)]
                tasks += [(statement, mine | affordable & offered & offer) for offer in simple]
            if weight * (self.model.base[statement] - now) > least:
                for number in members(answer[1] if answer else 0):
                    if self.many and (statement, number) in self.done_without:
                        continue
                    self.done_without.add((statement, number))
                    without = mine & ~(1 << number)
                    tasks.append((statement, without))
                    smaller = self._within(offered & ~(1 << number), self.model.sizes[number] * 0.999)
                    tasks.append((statement, without | smaller))
                for number in large:
                    if answer and answer[1] >> number & 1:
                        for narrow in members(self.model.covers[number] & ~chosen):
                            tasks.append((statement, mine & ~(1 << number) | 1 << narrow))
        answers = self._ask(tasks)
        self._ask(
            (statement, mask & ~(used & ~chosen))
            for (statement, mask), (_, used) in answers.items()
            if used & ~chosen
        )
