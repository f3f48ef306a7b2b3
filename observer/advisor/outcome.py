"""What a run has gathered by its end, and the plans of every statement with the chosen set."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from observer.advisor.candidates.gather import gather
from observer.advisor.model import members
from observer.advisor.preparation import TOO_LATE, shapes_of
from observer.advisor.question import Unpriceable

if TYPE_CHECKING:
    from collections.abc import Callable

    from observer.advisor.candidates.candidate import Candidate, Limits
    from observer.advisor.indexes import Index
    from observer.advisor.names import RelationName
    from observer.advisor.plans import Plan
    from observer.advisor.preparation import Preparation, Prepared
    from observer.advisor.pricing import Pricing
    from observer.advisor.request import Request
    from observer.advisor.sampled.verification import Verified
    from observer.advisor.schema import Schema
    from observer.advisor.tuning import Tuned, Tuning
    from observer.advisor.whatif import Session
    from observer.advisor.workload import Workload
    from observer.advisor.writes import WriteRate


_DECIDED_BY_SAMPLES = frozenset({"inverted", "expression", "partial", "spatial"})


@dataclass(slots=True)
class Checked:
    """A statement with the chosen set: plans before and after, and the same at other values."""

    before: Plan
    after: Plan
    others: dict[str, tuple[Plan, Plan]] = field(default_factory=dict)


@dataclass(slots=True)
class Outcome:
    """What a run has gathered by its end."""

    request: Request
    workload: Workload
    left_out: int
    left_share: float
    schema: Schema
    budget: int
    preparation: Preparation
    hypopg: str
    database: str
    foreign: tuple[Candidate, ...] = ()
    rates: dict[RelationName, WriteRate] = field(default_factory=dict)
    nothing_because: str = ""
    spared: dict[Index, str] = field(default_factory=dict)
    """Chosen by the search and left out afterwards, with the reason."""
    verified: dict[Index, Verified] = field(default_factory=dict)
    """What trying hypotheses on a sampled copy showed."""
    tried: dict[Index, str] = field(default_factory=dict)
    """Why those that were tried are not recommended."""
    tuning: Tuning | None = None
    tuned: Tuned | None = None
    pricing: Pricing | None = None
    checked: dict[int, Checked] = field(default_factory=dict)
    unchecked: int = 0
    explains: int = 0
    seconds: float = 0.0
    peak_memory: int = 0

    @property
    def finished(self) -> bool:
        """Whether all was looked at before the deadline."""
        late = any(item.reason == TOO_LATE for item in self.preparation.skipped)
        return not late and not self.unchecked and (self.tuned is None or self.tuned.found.finished)

    def hypotheses_of_all(self, workload: Workload, schema: Schema, limits: Limits) -> None:
        """Without prices every statement's simplest candidates are hypotheses."""
        shaped, _ = shapes_of(workload.statements, schema)
        for statement, shape in shaped:
            simple = [
                c
                for c in gather(shape, schema, limits)
                if c.priced and not c.index.include and not c.index.where
            ]
            widest = max((len(candidate.index.keys) for candidate in simple), default=0)
            for candidate in simple:
                if len(candidate.index.keys) == min(2, widest):
                    self.preparation.hypotheses.append((candidate, statement))
                    break

    def open_hypotheses(self) -> dict[Candidate, list[Prepared]]:
        """Those that a sampled copy can decide, with their statements, the worthiest first."""
        by_statement = {id(made.statement): made for made in self.preparation.prepared}
        found: dict[Candidate, list[Prepared]] = {}
        for candidate, statement in self.preparation.hypotheses:
            made = by_statement.get(id(statement))
            if made is not None and candidate.kind in _DECIDED_BY_SAMPLES:
                found.setdefault(candidate, []).append(made)
        return dict(
            sorted(
                found.items(),
                key=lambda item: (-sum(made.statement.worth for made in item[1]), item[0].index),
            )
        )

    def check(self, go_on: Callable[[], bool] = lambda: True) -> None:
        """Plans of all statements with the chosen set, at the values of the search and at others.

        Those that no time is left for are counted in ``unchecked``.
        """
        if self.tuned is None or self.pricing is None:
            return
        chosen, pricing = self.tuned.found.chosen, self.pricing
        concerned = [
            number
            for number in range(len(self.preparation.prepared))
            if chosen & pricing.relevant[number] and number not in pricing.failed
        ]
        pricing.share_out([partial(self._check, pricing, number, chosen) for number in concerned], go_on)
        self.checked = dict(sorted(self.checked.items()))
        self.unchecked = sum(
            number not in self.checked and number not in pricing.failed for number in concerned
        )

    def _check(self, pricing: Pricing, number: int, chosen: int, session: Session) -> None:
        mask = chosen & pricing.relevant[number]
        try:
            before, after = pricing.plan_on(session, number, 0), pricing.plan_on(session, number, mask)
        except Unpriceable as error:
            pricing.failed[number] = error.sentence
            return
        checked = Checked(before, after)
        if after.used or self.preparation.prepared[number].weight < 1:
            indexes = [pricing.indexes[n] for n in members(mask)]
            for variant, question in sorted(self.preparation.prepared[number].others.items()):
                try:
                    checked.others[variant] = session.price(question, ()), session.price(question, indexes)
                except Unpriceable:
                    continue
        self.checked[number] = checked
