"""From a chosen set to a report: who is served, what it costs, how sure it is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from observer.advisor.hypotheses import hypotheses
from observer.advisor.indexes import Index
from observer.advisor.model import members
from observer.advisor.redaction import queryid_text, redacted
from observer.advisor.rejection import rejected
from observer.advisor.remarks import notes, partitioned, unpriced, why_nothing, worsened
from observer.advisor.report import IndexReport, PlanStep, Recommendation, Run, Served
from observer.advisor.verified import verified

if TYPE_CHECKING:
    from observer.advisor.outcome import Outcome
    from observer.advisor.plans import Plan

_MOST_SERVED = 12
_NOTICEABLE = 0.99


def compose(outcome: Outcome) -> IndexReport:
    """The report of a run."""
    total = sum(made.statement.worth for made in outcome.preparation.prepared) or 1.0
    on_samples = verified(outcome, total)
    recommendations = tuple(
        sorted([*_recommendations(outcome, total), *on_samples], key=lambda item: (-item.saved, item.name))
    )
    found = outcome.tuned
    saved = found.model.saved(found.found.chosen) + _load(outcome) - _overrated(outcome) if found else 0.0
    left = 1 - saved / found.model.total if found and found.model.total else 1.0
    left = max(0.0, left - sum(item.saved for item in on_samples))
    nothing = outcome.nothing_because
    if not recommendations and not nothing:
        nothing = why_nothing(outcome)
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
        hypotheses=hypotheses(outcome),
        rejected=rejected(outcome),
        unpriced=unpriced(outcome),
        worsened=worsened(outcome),
        run=Run(
            seconds=outcome.seconds,
            explains=outcome.explains,
            rounds=found.found.rounds if found else 0,
            candidates=len(outcome.pricing.indexes) if outcome.pricing else 0,
            finished=outcome.finished,
            peak_memory=outcome.peak_memory,
        ),
        nothing_because=nothing,
        notes=notes(outcome),
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
                partitions=tuple(str(name) for name in outcome.schema.partitions_of(relation)),
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
    served: list[Served] = []
    agreeing: list[bool] = []
    for number, checked in outcome.checked.items():
        made = outcome.preparation.prepared[number]
        plans = {made.variant: (checked.before, checked.after), **checked.others}
        helped = {
            variant: index in after.used and after.cost < before.cost * _NOTICEABLE
            for variant, (before, after) in plans.items()
        }
        shown = next((variant for variant, (_, after) in plans.items() if index in after.used), None)
        if shown is None:
            continue
        if made.variant:
            agreeing += helped.values()
        before, after = plans[shown]
        served.append(
            Served(
                queryid=queryid_text(made.statement),
                text=redacted(made.statement.text),
                calls=made.statement.calls,
                total_ms=made.statement.total_ms,
                share=made.statement.worth / total,
                cost_before=before.cost,
                cost_after=after.cost,
                plan_before=_steps(before),
                plan_after=_steps(after),
                checked=tuple(
                    f"{variant}: {_change(before, after) if index in after.used else 'not used'}"
                    for variant, (before, after) in plans.items()
                    if variant
                ),
                values="" if shown == made.variant else shown,
            )
        )
    served.sort(key=lambda item: (-item.share, item.text))
    return tuple(served[:_MOST_SERVED]), agreeing


def _change(before: Plan, after: Plan) -> str:
    return f"cost {before.cost:,.0f} to {after.cost:,.0f}"


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
    words = []
    if any(not key.is_column for key in index.keys):
        words.append(
            "run ANALYZE on the table afterwards: only then has the planner statistics of the expression"
        )
    if index.where and "'" in index.where:
        words.append(
            "serves statements that state this very value; a parameter in its place is not recognised"
        )
    if index.include:
        words.append("pays while the table is vacuumed: index-only scans need an up-to-date visibility map")
    if relation.partitions:
        words.append(partitioned(relation, outcome))
    covered = _covered(index, outcome)
    if covered:
        words.append(f"does what an index on {covered} alone would do: that one is not needed beside it")
    return tuple(words)


def _covered(index: Index, outcome: Outcome) -> str:
    """Keys of the shorter candidate that it makes needless: what people build by hand."""
    if outcome.pricing is None or index.method != "btree":
        return ""
    for length in range(1, len(index.keys)):
        shorter = Index(index.relation, index.keys[:length], where=index.where)
        number = outcome.pricing.numbers.get(shorter)
        if number is not None and any(mask >> number & 1 for mask in outcome.pricing.relevant):
            return "(" + ", ".join(key.sql for key in shorter.keys) + ")"
    return ""


def _steps(plan: Plan) -> tuple[PlanStep, ...]:
    steps = []
    for node in plan.nodes:
        text = node.kind
        if node.index is not None:
            text += f" using {node.index.name if isinstance(node.index, Index) else node.index}"
        if node.relation:
            text += f" on {node.relation}"
        steps.append(PlanStep(node.depth, f"{text} (cost {node.cost:,.0f}, rows {node.rows:,.0f})"))
    return tuple(steps)


def _overrated(outcome: Outcome) -> float:
    """Weighted cost that the search believed to be saved and the planner, asked about the set, does not."""
    if outcome.tuned is None:
        return 0.0
    model, chosen = outcome.tuned.model, outcome.tuned.found.chosen
    return sum(
        model.weights[number] * (checked.after.cost - model.cost(number, chosen))
        for number, checked in outcome.checked.items()
    )


def _load(outcome: Outcome) -> float:
    if outcome.tuned is None:
        return 0.0
    return sum(outcome.tuned.model.upkeep[number] for number in members(outcome.tuned.found.chosen))


def _version(number: int) -> str:
    return f"{number // 10000}.{number % 10000}"
