"""Search: ask little, solve on what is known, ask about the neighbourhood of the answer, solve again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from observer.advisor.model import Model, Rules, members
from observer.advisor.solve import FEW_STATEMENTS, solve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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

_PATIENCE = (60, 100)
"""Steps of the search of neighbourhoods that may bring nothing: in rounds that get on, and in the last."""

_PATIENCE_OF_MANY = 10
"""The same where statements are many, and each step looks at many of them."""

_GAINED = 1.0003
_GAINED_OF_MANY = 1.002
"""Times as much must be saved for another round to have brought something."""

_SAME = 1.002
"""Times as much is taken for the same cost."""

_NEARLY = 0.001
"""Share of the workload by which the model may have believed too much of a set where statements are many."""

_WORTH_ASKING = 0.0003
"""Share of the workload that a statement must still be able to gain, or to lose, to be asked about again."""


class Search:
    """One search over one model.

    Args:
        own: For each statement, the candidates that were made for it, as a set.

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
        self.grow = grow
        self.go_on = go_on
        self.progress = progress
        self.best = start
        self.anew = anew
        self.many = len(own) > FEW_STATEMENTS
        self.gained = _GAINED_OF_MANY if self.many else _GAINED
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
            chosen = self._settle(_PATIENCE_OF_MANY if self.many else _PATIENCE[min(stale, 1)])
            gained = model.saved(chosen) > model.saved(self.best) * self.gained
            stale = 0 if gained else stale + 1
            if self._worth(chosen) > self._worth(self.best):
                self.best = chosen
            self.progress(rounds, model.saved(self.best), self.best)
            rounds += 1
            if not self.go_on():
                break
            if stale >= (len(_PATIENCE) if self.anew == -1 and not self.many else 1):
                finished = True
                break
            self._look_around(self.best)
            if stale:
                self._look_around(self._rival())
        return Found(self.best, rounds, finished)

    def _worth(self, chosen: int) -> float:
        return self.model.worth(chosen, self.rules)

    def _rival(self) -> int:
        """The best set that the planner was asked about and whose neighbourhood was not looked at yet."""
        others = self.verified - self.looked_at
        return max(others, key=lambda chosen: (self._worth(chosen), chosen), default=self.best)

    def _settle(self, patience: int) -> int:
        """Solve, ask what the answer really costs, solve again, until the planner agrees with the model."""
        before = self.model.saved(self.best)
        best = self._corrected(self.best, 0)
        if not self.go_on() or self.anew != -1:
            return best  # what stands was thought over before; a few statements look for something else
        if self.many and self.model.saved(best) > before * self.gained:
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
            patience = min(patience, _PATIENCE[0])
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
        tasks = [
            (statement, self._within(mask, self.rules.budget * step))
            for statement, mask in enumerate(self.own)
            if self.anew >> statement & 1
            for step in _STEPS
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
        nearly = _NEARLY * self.model.total if self.many else 0.0
        least = nearly / max(1, len(self.own))
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
        for statement, own in enumerate(self.own):
            mine = chosen & self.oracle.relevant[statement]
            offered = own | (new & self.oracle.relevant[statement])
            weight = self.model.weights[statement]
            answer = self.oracle.inferred(statement, mine)
            now = answer[0] if answer else self.model.cost(statement, mine)
            if weight * (now - self.model.tiles[statement][0][0]) > least:
                limits = {room, *(self.rules.budget * step for step in steps)}
                tasks += [(statement, mine | self._within(offered, limit)) for limit in sorted(limits)]
            if weight * (self.model.base[statement] - now) > least:
                for number in members(answer[1] if answer else 0):
                    if self.many and (statement, number) in self.done_without:
                        continue
                    self.done_without.add((statement, number))
                    without = mine & ~(1 << number)
                    tasks.append((statement, without))
                    smaller = self._within(offered & ~(1 << number), self.model.sizes[number] * 0.999)
                    tasks.append((statement, without | smaller))
        answers = self._ask(tasks)
        self._ask(
            (statement, mask & ~(used & ~chosen))
            for (statement, mask), (_, used) in answers.items()
            if used & ~chosen
        )
