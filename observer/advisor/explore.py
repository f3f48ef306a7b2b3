"""Search: ask little, solve on what is known, ask about the neighbourhood of the answer, solve again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from observer.advisor.inquiry import Inquiry
from observer.advisor.solve import solve, without

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from observer.advisor.inquiry import Oracle
    from observer.advisor.model import Model, Rules


@dataclass(frozen=True, slots=True)
class Found:
    """The best set so far, and how the search went."""

    chosen: int
    rounds: int
    finished: bool


_MOST_ROUNDS = 30
_MOST_CORRECTIONS = 8
_MOST_CORRECTIONS_OF_MANY = 2

_PATIENCE = 25
"""Steps of the search of neighbourhoods that may bring nothing. More of them find better sets by the model,
which then has more wrong: to ask the planner about another set brings more."""

_PATIENCE_OF_MANY = 3_000
"""The same times the number of statements, where these are many: each step looks at many of them."""
_LEAST_PATIENCE = 10

_GAINED = 0.0003
_GAINED_EACH = 0.000_003
"""Share by which more must be saved for a round to have brought something, at least and for each statement:
a round costs in proportion to their number."""

_STALE = 3
"""Rounds that may bring nothing, one after the other; each looks around another set."""
_STALE_OF_MANY = 2


class Search:
    """One search over one model.

    Args:
        own, simple, grow: As `Inquiry` takes them.

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
        self.inquiry = Inquiry(model, oracle, own, rules, simple=simple, grow=grow, go_on=go_on)
        self.model = model
        self.rules = rules
        self.go_on = go_on
        self.progress = progress
        self.best = start
        self.anew = anew
        self.many = self.inquiry.many
        self.patience = max(_LEAST_PATIENCE, _PATIENCE_OF_MANY // len(own)) if self.many else _PATIENCE
        self.gained = 1 + max(_GAINED, _GAINED_EACH * len(own))
        self.solved = 0
        self.verified: set[int] = set()
        self.looked_at: set[int] = set()

    def run(self) -> Found:
        """Search until a round brings nothing or time is up."""
        self.inquiry.begin(self.anew)
        self.inquiry.grow(0)
        rounds, finished, stale = 0, False, 0
        most_stale = (_STALE_OF_MANY if self.many else _STALE) if self.anew == -1 else 1
        model = self.model
        while rounds < _MOST_ROUNDS:
            chosen = self._settle(self.patience)
            gained = model.saved(chosen) > model.saved(self.best) * self.gained
            stale = 0 if gained else stale + 1
            if self._worth(chosen) > self._worth(self.best):
                self.best = chosen
            self.progress(rounds, model.saved(self.best), self.best)
            rounds += 1
            if not self.go_on():
                break
            if stale >= most_stale:
                finished = True
                break
            self._look_around(self.best)
            if stale:
                self._think_of_others()
                self._look_around(self._rival())
        return Found(self.best, rounds, finished)

    def _look_around(self, chosen: int) -> None:
        self.looked_at.add(chosen)
        self.inquiry.look_around(chosen)

    def _worth(self, chosen: int) -> float:
        return self.model.worth(chosen, self.rules)

    def _rival(self) -> int:
        """The best set that the planner was asked about and whose neighbourhood was not looked at yet."""
        others = self.verified - self.looked_at
        return max(others, key=lambda chosen: (self._worth(chosen), chosen), default=self.best)

    def _think_of_others(self) -> None:
        """Sets that do without one of the large indexes of the best one: what else their room could hold."""
        large = self.inquiry.large(self.best)
        for other in without(self.model, self.rules, self.best, large, go_on=self.go_on):
            if other not in self.verified and self.go_on():
                self.inquiry.verify(other)
                self.verified.add(other)

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
            right = self.inquiry.verify(chosen)
            self.verified.add(chosen)
            best = max(best, chosen, key=self._worth)
            if right or not self.go_on():
                break
        return best
