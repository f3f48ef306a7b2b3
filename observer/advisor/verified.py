"""Hypotheses that a sampled copy bore out, as recommendations; and what became of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.advisor.redaction import queryid_text, redacted
from observer.advisor.remarks import partitioned
from observer.advisor.report import PlanStep, Recommendation, Served
from observer.advisor.writes import ENTRY_MS, WriteRate, upkeep

if TYPE_CHECKING:
    from observer.advisor.indexes import Index
    from observer.advisor.outcome import Outcome
    from observer.advisor.plans import Plan
    from observer.advisor.sampled.verification import Effect, Verified

_COPY = "observer_candidate"
_ENTRIES_PER_ROW = {"gin": 8.0, "gist": 2.0}
"""Entries that a written row makes, counted in B-tree's: one a word or key, cheaper for being delayed."""


def verified(outcome: Outcome, total: float) -> tuple[Recommendation, ...]:
    """Those that save enough, cost their writers less than that, and fit into what is left of the budget."""
    found = []
    room = outcome.budget - (outcome.tuned.model.size(outcome.tuned.found.chosen) if outcome.tuned else 0)
    ranked = sorted(outcome.verified.items(), key=lambda item: (-_saved(outcome, item[1], total), item[0]))
    served: set[int] = set()
    for index, result in ranked:
        effects = tuple(effect for effect in result.effects if id(effect.made.statement) not in served)
        reason = result.failure or _against(outcome, index, result, effects=effects, total=total, room=room)
        if reason:
            outcome.tried[index] = reason
            continue
        served |= {id(effect.made.statement) for effect in effects}
        room -= result.size
        found.append(_recommendation(outcome, index, result, total))
    return tuple(found)


def _against(
    outcome: Outcome, index: Index, result: Verified, *, effects: tuple[Effect, ...], total: float, room: int
) -> str:
    """What speaks against it; nothing where it is recommended."""
    if not effects:
        return "tried on a sample: its statements are served better by another one that was tried"
    saved = _saved(outcome, result, total)
    if saved < outcome.request.least_gain:
        return "tried on a sample: it saves too little to be worth an index"
    seconds = outcome.workload.seconds
    if outcome.workload.timed and seconds > 0:
        gained = saved * sum(one.total_ms for one in outcome.workload.statements) / seconds
        if gained <= _upkeep(outcome, index)[1]:
            return "tried on a sample: its upkeep costs the writers more than it saves"
    if result.size > room:
        return "tried on a sample: it helps, and is larger than what is left of the budget"
    return ""


def _saved(outcome: Outcome, result: Verified, total: float) -> float:
    """Share of the workload, beside the indexes that are recommended anyway."""
    return sum(
        effect.made.statement.worth
        / total
        * _cost(outcome, effect)[1]
        / max(effect.made.base, 1e-9)
        * (1 - effect.left)
        for effect in result.effects
    )


def _cost(outcome: Outcome, effect: Effect) -> tuple[float, float]:
    """The statement's cost on the watched server: as things stand, and with what is recommended anyway."""
    for number, checked in outcome.checked.items():
        if outcome.preparation.prepared[number] is effect.made:
            return checked.before.cost, min(checked.after.cost, effect.made.base)
    return effect.made.base, effect.made.base


def _upkeep(outcome: Outcome, index: Index) -> tuple[float, float, float]:
    """Entries a second, milliseconds a second, heap-only updates lost a second."""
    relation = outcome.schema.relations[index.relation]
    rate = outcome.rates.get(index.relation, WriteRate())
    load = upkeep(index, relation, 1.0, rate, outcome.schema.server_version)
    entries = load.entries_per_second * _ENTRIES_PER_ROW.get(index.method, 1.0)
    ms = load.ms_per_second + ENTRY_MS * (entries - load.entries_per_second)
    return entries, ms, load.hot_lost_per_second


def _recommendation(outcome: Outcome, index: Index, result: Verified, total: float) -> Recommendation:
    relation = outcome.schema.relations[index.relation]
    saved = _saved(outcome, result, total)
    seconds = outcome.workload.seconds
    spent = sum(one.total_ms for one in outcome.workload.statements)
    entries, ms, hot = _upkeep(outcome, index)
    agreeing = [used and after < before for e in result.effects for before, after, used in e.others.values()]
    share = sum(agreeing) / len(agreeing) if agreeing else 1.0
    notes = [f"verified {result.effects[0].how}"]
    if any(not key.is_column for key in index.keys):
        notes.append(
            "run ANALYZE on the table afterwards: only then has the planner statistics of the expression"
        )
    if index.method == "gin":
        notes.append(
            "writers pay for each word or key; where it shows, see fastupdate and gin_pending_list_limit"
        )
    if relation.partitions:
        notes.append(partitioned(relation, outcome))
    return Recommendation(
        name=index.name,
        ddl=index.statement(concurrently=not relation.partitions),
        relation=str(index.relation),
        kind=index.method + (", expression" if any(not key.is_column for key in index.keys) else ""),
        size=result.size,
        saved=saved,
        saved_ms_per_second=saved * spent / seconds if outcome.workload.timed and seconds > 0 else 0.0,
        writes_per_second=entries,
        upkeep_ms_per_second=ms,
        hot_lost_per_second=hot,
        confidence="high" if share >= 0.9 else "medium" if share >= 0.5 else "low",
        statements=tuple(_served(outcome, index, effect, total) for effect in result.effects),
        partitions=tuple(str(name) for name in outcome.schema.partitions_of(relation)),
        notes=tuple(notes),
        evidence="sample",
    )


def _served(outcome: Outcome, index: Index, effect: Effect, total: float) -> Served:
    before, beside = _cost(outcome, effect)
    statement = effect.made.statement
    words = [
        (
            f"on the sample, {effect.made.variant or 'as it is'}:"
            f" {_change(effect.before.cost, effect.after.cost)}"
        )
    ]
    for variant, (without, within, used) in effect.others.items():
        words.append(f"on the sample, {variant}: {_change(without, within) if used else 'not used'}")
    return Served(
        queryid=queryid_text(statement),
        text=redacted(statement.text),
        calls=statement.calls,
        total_ms=statement.total_ms,
        share=statement.worth / total,
        cost_before=before,
        cost_after=beside * effect.left,
        plan_before=_steps(effect.before, index),
        plan_after=_steps(effect.after, index),
        checked=tuple(words),
    )


def _change(before: float, after: float) -> str:
    return f"cost {before:,.0f} to {after:,.0f}"


def _steps(plan: Plan, index: Index) -> tuple[PlanStep, ...]:
    steps = []
    for node in plan.nodes:
        text = node.kind
        if node.index is not None:
            text += f" using {index.name if node.index == _COPY else 'an index that stands'}"
        if node.relation:
            text += f" on a sample of {index.relation.name}" if node.index == _COPY else " on a sample"
        steps.append(PlanStep(node.depth, f"{text} (cost {node.cost:,.0f}, rows {node.rows:,.0f})"))
    return tuple(steps)
