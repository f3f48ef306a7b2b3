"""Why the candidates that were not chosen were not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.advisor.budget import in_words
from observer.advisor.report import Rejected

if TYPE_CHECKING:
    from observer.advisor.outcome import Outcome

_MOST_REJECTED = 15


def rejected(outcome: Outcome) -> tuple[Rejected, ...]:  # noqa: C901, PLR0912 - a branch for each reason
    """The best of them by what they would save alone, and what HypoPG refuses."""
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
        if outcome.tuning.is_banned(index) and index not in outcome.spared:
            continue  # one like it is told of
        alone = model.gain(0, bit) + model.upkeep[number]
        if alone > least:
            ranked.append((alone, number))
    ranked.sort(key=lambda item: (-item[0], item[1]))
    found = []
    seen: set[tuple[object, ...]] = set()
    for alone, number in ranked:
        index = outcome.pricing.indexes[number]
        head = (index.relation, index.keys[0], bool(index.include), bool(index.where))
        if head in seen and index not in outcome.spared:
            continue
        seen.add(head)
        more = model.gain(chosen, 1 << number)
        size = outcome.tuning.size(index)
        if index in outcome.spared:
            reason = outcome.spared[index]
        elif more + model.upkeep[number] <= least:
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
