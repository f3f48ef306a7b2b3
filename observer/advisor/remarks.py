"""What a report says beside its recommendations: no price, dearer, nothing found, and notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.advisor.redaction import queryid_text, redacted
from observer.advisor.report import Unpriced, Worsened
from observer.advisor.visibility import restless
from observer.advisor.writes import WriteRate

if TYPE_CHECKING:
    from collections.abc import Callable

    from observer.advisor.outcome import Outcome
    from observer.advisor.schema import Relation

_WORSE = 1.01

_SEEN = 0.5
"""Share of a table's pages marked all-visible, below which covering indexes look poor."""

_LEAST_PAGES = 128
_MOST_NAMED = 5


def unpriced(outcome: Outcome) -> tuple[Unpriced, ...]:
    """Statements that nothing is said about, with the reasons."""
    found = [
        Unpriced(str(item.queryid or ""), redacted(item.text), item.reason, item.remedy)
        for item in (*outcome.workload.skipped, *outcome.preparation.skipped)
    ]
    if outcome.pricing:
        for number, reason in sorted(outcome.pricing.failed.items()):
            made = outcome.preparation.prepared[number]
            found.append(Unpriced(queryid_text(made.statement), redacted(made.statement.text), reason))
    return tuple(found)


def worsened(outcome: Outcome) -> tuple[Worsened, ...]:
    """Statements that the planner prices over 1 % higher with the set, at any values it was asked with."""
    found = []
    for number, checked in outcome.checked.items():
        statement = outcome.preparation.prepared[number].statement
        costs = [("", checked.before.cost, checked.after.cost)]
        costs += [
            (values, before.cost, after.cost) for values, (before, after) in sorted(checked.others.items())
        ]
        found += [
            Worsened(queryid_text(statement), redacted(statement.text), before, after, values)
            for values, before, after in costs
            if after > before * _WORSE
        ]
    return tuple(found)


def why_nothing(outcome: Outcome) -> str:
    """The reason for an empty answer."""
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


def _tail(outcome: Outcome) -> str:
    """How many statements were not looked at, and what they are of the whole."""
    share, of = outcome.left_share, "time" if outcome.workload.timed else "weight"
    words = "under 0.1 %" if share < 0.001 else f"{share:.1%}".replace("%", " %")
    return f"{outcome.left_out} statements that together are {words} of the {of} were left out"


def notes(outcome: Outcome) -> tuple[str, ...]:
    """What the reader must know to judge the advice."""
    found = []
    if outcome.left_out:
        found.append(_tail(outcome))
    if outcome.workload.timed and outcome.workload.source.endswith("last reset"):
        found.append("the window is as long as the statistics: two kept samples would show the present load")
    if not outcome.workload.timed:
        found.append("no times are known: write load is shown but does not count against an index")
    unanalyzed = sorted(
        {
            str(relation)
            for made in outcome.preparation.prepared
            for relation in made.shape.relations
            if not any(column.analyzed for column in outcome.schema.relations[relation].columns.values())
        }
    )
    if unanalyzed:
        found.append(f"never analyzed, so the planner guesses: {', '.join(unanalyzed)}; run ANALYZE")
    found += _visibility(outcome)
    unused = sum(not candidate.kept for candidate in outcome.foreign)
    if unused:
        found.append(
            f"{unused} foreign keys have no index of their own; nothing was deleted from the tables they"
            " refer to, so none is proposed"
        )
    if outcome.unchecked:
        found.append(
            f"the deadline came before {outcome.unchecked} statements were planned once more with the whole"
            " set: what is said of their cost is what the search knew"
        )
    if not outcome.finished:
        found.append("the deadline ended the search: this is the best set found until then")
    return tuple(found)


def _visibility(outcome: Outcome) -> list[str]:
    """Of which tables index-only scans are worth more than their price says, and of which nothing."""
    names = sorted({name for made in outcome.preparation.prepared for name in made.shape.relations})
    large = [one for one in map(outcome.schema.relations.__getitem__, names) if one.pages >= _LEAST_PAGES]
    moving = [one for one in large if restless(one, outcome.rates.get(one.name, WriteRate()))]
    unseen = [one for one in large if one not in moving and one.visible_pages < _SEEN * one.pages]
    found = []
    if unseen:
        where = _named(unseen, lambda one: f" ({100 * one.visible_pages / one.pages:.0f} % of its pages)")
        remedy = "run VACUUM and the advice again, or let autovacuum come more often"
        found.append(
            f"covering indexes are priced too low where few pages are marked all-visible: {where}; {remedy}"
        )
    if moving:
        where = _named(moving, lambda _: "")
        found.append(
            "index-only scans are not counted on, and no covering index is proposed for them, where rows"
            f" change so fast that few pages stay all-visible until autovacuum comes: {where}"
        )
    return found


def _named(relations: list[Relation], more: Callable[[Relation], str]) -> str:
    """The largest by name, and how many others there are."""
    relations = sorted(relations, key=lambda one: -one.pages)
    rest = f" and {len(relations) - _MOST_NAMED} more" if len(relations) > _MOST_NAMED else ""
    return ", ".join(f"{one.name}{more(one)}" for one in relations[:_MOST_NAMED]) + rest


def partitioned(relation: Relation, outcome: Outcome) -> str:
    """How an index of a partitioned table is built."""
    if outcome.schema.partitions_of(relation):
        return "on a partitioned table: built partition by partition, then attached"
    return "its partitions are partitioned in turn: built at once, and writers wait until it stands"
