"""What thrift leaves out makes room: the search goes on without what thrift would leave out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.advisor.defence import hopeless
from observer.advisor.model import members
from observer.advisor.thrift import Thrift, thrifty

if TYPE_CHECKING:
    from collections.abc import Callable

    from observer.advisor.model import Rules
    from observer.advisor.schema import Schema
    from observer.advisor.tuning import Tuning

_MOST_REFILLS = 3

_WORTH_REFILLING = 0.0005
"""Share of the workload that thrift must have given up for the search to go on."""


def thrifty_and_refilled(
    tuning: Tuning,
    schema: Schema,
    chosen: int,
    rules: Rules,
    *,
    tolerance: float,
    go_on: Callable[[], bool] = lambda: True,
) -> Thrift:
    """Be thrifty with a set, use the room that this makes, and be thrifty with what came in; the best of it.

    The planner's answers are known by then, so that little is asked anew.

    Args:
        tuning: Whose model and prices these are; it may not choose what was left out afterwards.

        schema: Of the database.

        chosen: The set that the search found.

        rules: What the set must keep.

        tolerance: As `thrifty` takes it; 0 changes nothing.

        go_on: Asked before each question.
    """
    model = tuning.model
    best = found = thrifty(tuning, schema, chosen, tolerance=tolerance, go_on=go_on)
    begun, spared = chosen, dict(best.spared)
    for _ in range(_MOST_REFILLS):
        given_up = model.saved(begun) - model.saved(found.chosen)
        if begun == found.chosen or given_up < _WORTH_REFILLING * model.total or not go_on():
            break
        struck = begun & ~found.chosen & ~best.chosen
        struck |= _holding_more(tuning, struck) & ~best.chosen
        tuning.forbid(members(struck | hopeless(tuning, schema, best.chosen)))
        begun = tuning.search(rules, start=best.chosen, anew=0, go_on=go_on).found.chosen
        if begun == best.chosen:
            break
        found = thrifty(tuning, schema, begun, tolerance=tolerance, go_on=go_on)
        spared |= found.spared
        if model.worth(found.chosen, rules) > model.worth(best.chosen, rules):
            best = found
    kept = {tuning.pricing.indexes[number] for number in members(best.chosen)}
    return Thrift(best.chosen, {index: reason for index, reason in spared.items() if index not in kept})


def _holding_more(tuning: Tuning, struck: int) -> int:
    """Indexes with the same keys as those that were struck out and more columns, which would be no better."""
    indexes, found = tuning.pricing.indexes, 0
    for narrow in members(struck):
        for wide in members(tuning.model.coverers[narrow]):
            if len(indexes[wide].keys) == len(indexes[narrow].keys):
                found |= 1 << wide
    return found
