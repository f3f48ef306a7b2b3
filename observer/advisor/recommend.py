"""From a chosen set to a report: who is served, what it costs, how sure it is, why not the rest."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import postgast

from observer.advisor.budget import in_words
from observer.advisor.candidates.gather import gather
from observer.advisor.indexes import Index
from observer.advisor.model import members
from observer.advisor.preparation import shapes_of
from observer.advisor.report import (
    Hypothesis,
    IndexReport,
    PlanStep,
    Recommendation,
    Rejected,
    Run,
    Served,
    Unpriced,
    Worsened,
)
from observer.advisor.whatif import Unpriceable

if TYPE_CHECKING:
    from observer.advisor.candidates.candidate import Candidate, Limits
    from observer.advisor.names import RelationName
    from observer.advisor.plans import Plan
    from observer.advisor.preparation import Preparation
    from observer.advisor.pricing import Pricing
    from observer.advisor.request import Request
    from observer.advisor.schema import Schema
    from observer.advisor.tuning import Tuned, Tuning
    from observer.advisor.workload import Statement, Workload
    from observer.advisor.writes import WriteRate

_MOST_REJECTED = 15
_MOST_SERVED = 12
_WORSE = 1.01
_NOTICEABLE = 0.99
_SPACES = re.compile(r"\s+")


@dataclass(slots=True)
class Checked:
    """A statement with the chosen set: plans before and after, and costs at other values."""

    before: Plan
    after: Plan
    others: dict[str, tuple[float, float, frozenset[Index]]] = field(default_factory=dict)


@dataclass(slots=True)
class Outcome:
    """What a run has gathered by its end."""

    request: Request
    workload: Workload
    left_out: int
    schema: Schema
    budget: int
    preparation: Preparation
    hypopg: str
    database: str
    foreign: tuple[Candidate, ...] = ()
    rates: dict[RelationName, WriteRate] = field(default_factory=dict)
    nothing_because: str = ""
    tuning: Tuning | None = None
    tuned: Tuned | None = None
    pricing: Pricing | None = None
    checked: dict[int, Checked] = field(default_factory=dict)
    explains: int = 0
    seconds: float = 0.0
    peak_memory: int = 0

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

    def check(self) -> None:
        """Plans of all statements with the chosen set, at the values of the search and at others."""
        if self.tuned is None or self.pricing is None:
            return
        chosen, session = self.tuned.found.chosen, self.pricing.session
        for number, made in enumerate(self.preparation.prepared):
            mask = chosen & self.pricing.relevant[number]
            if not mask or number in self.pricing.failed:
                continue
            try:
                checked = Checked(self.pricing.plan(number, 0), self.pricing.plan(number, mask))
            except Unpriceable as error:
                self.pricing.failed[number] = error.sentence
                continue
            self.checked[number] = checked
            if not checked.after.used:
                continue
            indexes = [self.pricing.indexes[n] for n in members(mask)]
            for variant, question in sorted(made.others.items()):
                try:
                    before, after = session.price(question, ()), session.price(question, indexes)
                except Unpriceable:
                    continue
                checked.others[variant] = (before.cost, after.cost, after.used)


def compose(outcome: Outcome) -> IndexReport:
    """The report of a run."""
    total = sum(made.statement.worth for made in outcome.preparation.prepared) or 1.0
    recommendations = _recommendations(outcome, total)
    found = outcome.tuned
    saved = found.model.saved(found.found.chosen) + _load(outcome) if found else 0.0
    left = 1 - saved / found.model.total if found and found.model.total else 1.0
    hypotheses = _hypotheses(outcome)
    nothing = outcome.nothing_because
    if not recommendations and not nothing:
        nothing = _why_nothing(outcome)
    return IndexReport(
        created_at=time.time(),
        database=outcome.database,
        server_version=_version(outcome.schema.server_version),
        hypopg=outcome.hypopg,
        source=outcome.workload.source,
        window_seconds=outcome.workload.seconds,
        statements=len(outcome.preparation.prepared),
        timed=outcome.workload.timed,
        budget=outcome.budget,
        size_model=outcome.request.size_model,
        size=sum(item.size for item in recommendations),
        cost_left=left,
        recommendations=recommendations,
        hypotheses=hypotheses,
        rejected=_rejected(outcome),
        unpriced=_unpriced(outcome),
        worsened=_worsened(outcome),
        run=Run(
            seconds=outcome.seconds,
            explains=outcome.explains,
            rounds=found.found.rounds if found else 0,
            candidates=len(outcome.pricing.indexes) if outcome.pricing else 0,
            finished=found.found.finished if found else True,
            peak_memory=outcome.peak_memory,
        ),
        nothing_because=nothing,
        notes=_notes(outcome),
    )


def _recommendations(outcome: Outcome, total: float) -> tuple[Recommendation, ...]:
    if outcome.tuned is None or outcome.pricing is None or outcome.tuning is None:
        return ()
    model, chosen = outcome.tuned.model, outcome.tuned.found.chosen
    found = []
    for number in members(chosen):
        index = outcome.pricing.indexes[number]
        relation = outcome.schema.relations[index.relation]
        load = outcome.tuning.load(index)
        loss = model.gain(chosen & ~(1 << number), 1 << number) + model.upkeep[number]
        seconds = outcome.workload.seconds
        served, agreeing = _served(outcome, index, total)
        found.append(
            Recommendation(
                name=index.name,
                ddl=index.statement(concurrently=not relation.partitions),
                relation=str(index.relation),
                kind=_kind(index),
                size=model.sizes[number],
                saved=loss / model.total if model.total else 0.0,
                saved_ms_per_second=loss / seconds if outcome.workload.timed and seconds > 0 else 0.0,
                writes_per_second=load.entries_per_second,
                upkeep_ms_per_second=load.ms_per_second,
                hot_lost_per_second=load.hot_lost_per_second,
                confidence=_confidence(agreeing),
                statements=served,
                partitions=tuple(str(name) for name in relation.partitions),
                replaces=tuple(
                    existing.name
                    for existing in relation.indexes
                    if not existing.unique and existing.index != index and existing.index.starts(index)
                ),
                notes=_index_notes(index, outcome),
            )
        )
    found.sort(key=lambda item: (-item.saved, item.name))
    return tuple(found)


def _served(outcome: Outcome, index: Index, total: float) -> tuple[tuple[Served, ...], list[bool]]:
    served, agreeing = [], []
    for number, checked in outcome.checked.items():
        if index not in checked.after.used:
            continue
        made = outcome.preparation.prepared[number]
        words = []
        if made.variant:
            words.append(f"{made.variant}: {_change(checked.before.cost, checked.after.cost)}")
            agreeing.append(checked.after.cost < checked.before.cost)
        for variant, (before, after, used) in checked.others.items():
            helped = index in used and after < before * _NOTICEABLE
            agreeing.append(helped)
            words.append(f"{variant}: {_change(before, after) if index in used else 'not used'}")
        served.append(
            Served(
                queryid=_queryid(made.statement),
                text=redacted(made.statement.text),
                calls=made.statement.calls,
                total_ms=made.statement.total_ms,
                share=made.statement.worth / total,
                cost_before=checked.before.cost,
                cost_after=checked.after.cost,
                plan_before=_steps(checked.before, outcome),
                plan_after=_steps(checked.after, outcome),
                checked=tuple(words),
            )
        )
    served.sort(key=lambda item: (-item.share, item.text))
    return tuple(served[:_MOST_SERVED]), agreeing


def _change(before: float, after: float) -> str:
    return f"cost {before:,.0f} to {after:,.0f}"


def _confidence(agreeing: list[bool]) -> str:
    """By the share of values at which the index is used and helps; without parameters there is one value."""
    if not agreeing:
        return "high"
    share = sum(agreeing) / len(agreeing)
    return "high" if share >= 0.9 else "medium" if share >= 0.5 else "low"


def _kind(index: Index) -> str:
    parts = [index.method]
    if index.include:
        parts.append("covering")
    if index.where:
        parts.append("partial")
    if any(not key.is_column for key in index.keys):
        parts.append("expression")
    return ", ".join(parts)


def _index_notes(index: Index, outcome: Outcome) -> tuple[str, ...]:
    relation = outcome.schema.relations[index.relation]
    notes = []
    if any(not key.is_column for key in index.keys):
        notes.append(
            "run ANALYZE on the table afterwards: only then has the planner statistics of the expression"
        )
    if index.where and "'" in index.where:
        notes.append(
            "serves statements that state this very value; a parameter in its place is not recognised"
        )
    if index.include:
        notes.append("pays while the table is vacuumed: index-only scans need an up-to-date visibility map")
    if relation.partitions:
        notes.append("on a partitioned table: built partition by partition, then attached")
    return tuple(notes)


def _steps(plan: Plan, outcome: Outcome) -> tuple[PlanStep, ...]:
    steps = []
    for node in plan.nodes:
        text = node.kind
        if node.index is not None:
            text += f" using {node.index.name if isinstance(node.index, Index) else node.index}"
        if node.relation:
            text += f" on {node.relation}"
        steps.append(PlanStep(node.depth, f"{text} (cost {node.cost:,.0f}, rows {node.rows:,.0f})"))
    del outcome
    return tuple(steps)


def _hypotheses(outcome: Outcome) -> tuple[Hypothesis, ...]:
    chosen = outcome.tuned.chosen if outcome.tuned else ()
    texts: dict[Candidate, dict[str, None]] = {}
    for candidate, statement in outcome.preparation.hypotheses:
        if candidate.index.method == "btree" and candidate.index.include:
            continue  # the same without INCLUDE stands beside it
        if candidate.kind == "partial" and _served_already(outcome, candidate, statement):
            continue
        texts.setdefault(candidate, {})[redacted(statement.text)] = None
    for candidate in outcome.foreign:
        if candidate.kept:
            texts.setdefault(candidate, {})
    found: dict[str, Hypothesis] = {}
    for candidate, statements in texts.items():
        index = candidate.index
        if any(index.starts(other) for other in chosen):
            continue
        needs = "" if candidate.needs in outcome.schema.extensions else candidate.needs
        found.setdefault(
            index.name,
            Hypothesis(
                index.statement(),
                index.name,
                str(index.relation),
                candidate.note or "not priced: HypoPG is missing",
                needs,
                tuple(statements)[:5],
            ),
        )
    return tuple(found.values())


def _served_already(outcome: Outcome, candidate: Candidate, statement: Statement) -> bool:
    """Whether a chosen index on the same table serves the statement."""
    for number, checked in outcome.checked.items():
        if outcome.preparation.prepared[number].statement is statement:
            return any(index.relation == candidate.index.relation for index in checked.after.used)
    return False


def _rejected(outcome: Outcome) -> tuple[Rejected, ...]:  # noqa: C901, PLR0912 - a branch for each reason
    if outcome.tuned is None or outcome.pricing is None or outcome.tuning is None:
        return ()
    model, chosen = outcome.tuned.model, outcome.tuned.found.chosen
    room = outcome.budget - model.size(chosen)
    least = outcome.request.least_gain * model.total
    ranked = []
    for number, index in enumerate(outcome.pricing.indexes):
        bit = 1 << number
        if chosen & bit or not model.users[number] or index in outcome.pricing.rejected:
            continue
        alone = model.gain(0, bit) + model.upkeep[number]
        if alone > least:
            ranked.append((alone, number))
    ranked.sort(key=lambda item: (-item[0], item[1]))
    found = []
    seen: set[tuple[object, ...]] = set()
    for alone, number in ranked:
        index = outcome.pricing.indexes[number]
        head = (index.relation, index.keys[0], bool(index.include), bool(index.where))
        if head in seen:
            continue
        seen.add(head)
        more = model.gain(chosen, 1 << number)
        size = model.sizes[number]
        if more + model.upkeep[number] <= least:
            reason = "the chosen indexes already save what it would"
        elif more <= 0:
            reason = "its upkeep costs the writers more than it saves beside the chosen ones"
        elif size > room:
            left = in_words(max(0, room))
            reason = f"needs {in_words(size)}, {left} of the budget are left, and others save more"
        elif more <= least:
            reason = "beside the chosen ones it saves too little to be worth an index"
        else:
            reason = "another set of the same size saves more"
        found.append(Rejected(index.definition, alone / model.total, size, reason))
        if len(found) == _MOST_REJECTED:
            break
    for index, reason in sorted(outcome.pricing.rejected.items()):
        found.append(Rejected(index.definition, 0.0, 0, f"HypoPG refuses it: {reason}"))
    return tuple(found)


def _unpriced(outcome: Outcome) -> tuple[Unpriced, ...]:
    found = [
        Unpriced(str(item.queryid or ""), redacted(item.text), item.reason, item.remedy)
        for item in (*outcome.workload.skipped, *outcome.preparation.skipped)
    ]
    if outcome.pricing:
        for number, reason in sorted(outcome.pricing.failed.items()):
            made = outcome.preparation.prepared[number]
            found.append(Unpriced(_queryid(made.statement), redacted(made.statement.text), reason))
    return tuple(found)


def _worsened(outcome: Outcome) -> tuple[Worsened, ...]:
    return tuple(
        Worsened(
            _queryid(made.statement), redacted(made.statement.text), checked.before.cost, checked.after.cost
        )
        for made, checked in ((outcome.preparation.prepared[n], c) for n, c in outcome.checked.items())
        if checked.after.cost > checked.before.cost * _WORSE
    )


def _why_nothing(outcome: Outcome) -> str:
    if not outcome.workload.statements:
        return "the workload holds no statement that an index could serve"
    if not outcome.preparation.prepared:
        return "none of the statements could be priced; the reasons stand below"
    if outcome.pricing is None or not outcome.pricing.indexes:
        return (
            "every statement is already served by the indexes that stand, or reads tables too small for one"
        )
    if outcome.tuned and not any(outcome.tuned.model.users):
        return "the planner would use none of the candidates: what stands is as good or better"
    return "no candidate saves enough for its size and its upkeep within the budget"


def _notes(outcome: Outcome) -> tuple[str, ...]:
    notes = []
    if outcome.left_out:
        notes.append(f"{outcome.left_out} statements that together take under 1 % of the time were left out")
    if outcome.workload.timed and outcome.workload.source.endswith("last reset"):
        notes.append("the window is as long as the statistics: two kept samples would show the present load")
    if not outcome.workload.timed:
        notes.append("no times are known: write load is shown but does not count against an index")
    unanalyzed = sorted(
        {
            str(relation)
            for made in outcome.preparation.prepared
            for relation in made.shape.relations
            if not any(column.analyzed for column in outcome.schema.relations[relation].columns.values())
        }
    )
    if unanalyzed:
        notes.append(f"never analyzed, so the planner guesses: {', '.join(unanalyzed)}; run ANALYZE")
    unused = sum(not candidate.kept for candidate in outcome.foreign)
    if unused:
        notes.append(
            f"{unused} foreign keys have no index of their own; nothing was deleted from the tables they"
            " refer to, so none is proposed"
        )
    if outcome.tuned and not outcome.tuned.found.finished:
        notes.append("the deadline ended the search: this is the best set found until then")
    return tuple(notes)


def _load(outcome: Outcome) -> float:
    if outcome.tuned is None:
        return 0.0
    return sum(outcome.tuned.model.upkeep[number] for number in members(outcome.tuned.found.chosen))


def _queryid(statement: Statement) -> str:
    return str(statement.queryid) if statement.queryid is not None else ""


def _version(number: int) -> str:
    return f"{number // 10000}.{number % 10000}"


def redacted(text: str) -> str:
    """A statement in one line, with a parameter in the place of each constant."""
    if not text:
        return ""
    try:
        text = postgast.normalize(text)
    except postgast.PgQueryError:
        return "(its text could not be parsed, so it cannot be shown without its values)"
    return _SPACES.sub(" ", text).strip()
