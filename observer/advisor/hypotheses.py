"""Candidates that nobody could price: which of them are worth a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.advisor.redaction import redacted
from observer.advisor.report import Hypothesis

if TYPE_CHECKING:
    from observer.advisor.candidates.candidate import Candidate
    from observer.advisor.outcome import Outcome
    from observer.advisor.workload import Statement


TRY_IT = "; --sample-dsn (advise.sample_dsn) names a scratch database on another server to try it out in"


def hypotheses(outcome: Outcome) -> tuple[Hypothesis, ...]:
    """Each once, without those that a chosen index makes superfluous."""
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
        recommended = index in outcome.verified and index not in outcome.tried
        if recommended or any(index.starts(other) for other in chosen):
            continue
        needs = "" if candidate.needs in outcome.schema.extensions else candidate.needs
        found.setdefault(
            index.name,
            Hypothesis(
                index.statement(),
                index.name,
                str(index.relation),
                _reason(candidate, outcome),
                needs,
                tuple(statements)[:5],
            ),
        )
    return tuple(found.values())


def _reason(candidate: Candidate, outcome: Outcome) -> str:
    """Why nobody priced it, or what trying it showed, and how it could be tried."""
    if candidate.index in outcome.tried:
        return outcome.tried[candidate.index]
    reason = candidate.note or "not priced: HypoPG is missing"
    if candidate.kind == "foreign key" or outcome.request.sample_dsn or not outcome.hypopg:
        return reason
    return reason + TRY_IT


def _served_already(outcome: Outcome, candidate: Candidate, statement: Statement) -> bool:
    """Whether a chosen index on the same table serves the statement."""
    for number, checked in outcome.checked.items():
        if outcome.preparation.prepared[number].statement is statement:
            return any(index.relation == candidate.index.relation for index in checked.after.used)
    return False
