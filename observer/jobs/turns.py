"""The databases of a target take turns: how long each may take, and what is said of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.jobs.job import Done

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from observer.errors import ObserverError

LEAST_SHARE = 10.0
"""Seconds below which a turn is not worth beginning: the next run begins with those that are left."""

NAMED = 3
"""Databases whose results are told one by one."""


def in_turn(names: Iterable[str], last: Mapping[str, float]) -> list[str]:
    """Those first whose last turn is longest ago, or who never had one.

    Args:
        names: Of the databases.

        last: When each last had a turn, in seconds since the epoch.
    """
    return sorted(names, key=lambda name: (last.get(name, 0.0), name))


def fair_share(left: float, waiting: int, *, whole: float) -> float | None:
    """Seconds for the next of those that wait; None when what is left is too little for a turn.

    What one does not use is shared by those after it.

    Args:
        left: Seconds of the run.

        waiting: How many wait, the next one included.

        whole: Seconds of the run at its start; the first turn always fits.
    """
    least = min(LEAST_SHARE, whole)
    if left < least and left < whole / 2:
        return None
    return max(left / waiting, min(left, least))


def as_one(faults: Sequence[tuple[str, ObserverError]], *, beside: int = 0) -> ObserverError | None:
    """The faults of several databases as one, which is of the kind of the first.

    Args:
        faults: Each with its database.

        beside: How many other databases had none.
    """
    if not faults:
        return None
    told = faults[:NAMED]
    said = [f"database {name}: {fault.sentence}" for name, fault in told]
    if len(faults) > NAMED:
        said.append(f"and {_databases(len(faults) - NAMED, 'more')}")
    if beside:
        said.append(f"{_databases(beside, 'other')} had no fault")
    remedies = list(dict.fromkeys(fault.remedy for _, fault in told if fault.remedy))
    names = ", ".join(name for name, _ in faults)
    which = "it" if len(faults) == 1 else "them"
    remedies.append(f"Or leave {which} out: databases: {{exclude: [{names}]}}.")
    return type(faults[0][1])("; ".join(said), remedy=" ".join(remedies))


def summed_up(outcomes: Mapping[str, Done | ObserverError], *, waiting: int = 0) -> Done:
    """What a run says that took several databases in turn.

    Args:
        outcomes: Of those that have something to say.

        waiting: How many had no turn.

    Raises:
        ObserverError: There was one database, and that is its fault.
    """
    if not outcomes and not waiting:
        return Done("nothing was executed that an index could serve")
    if len(outcomes) == 1 and not waiting:
        [only] = outcomes.values()
        if isinstance(only, Done):
            return only
        raise only
    faults: list[tuple[str, ObserverError]] = []
    said = []
    for name, outcome in sorted(outcomes.items()):
        if not isinstance(outcome, Done):
            faults.append((name, outcome))
            continue
        said.append(outcome.sentence)
        if outcome.fault is not None:
            faults.append((name, outcome.fault))
    if len(said) > NAMED:
        said[NAMED:] = [f"and {_databases(len(said) - NAMED, 'more')}"]
    if waiting:
        said.append(f"{_databases(waiting)} {'waits' if waiting == 1 else 'wait'} for the next run")
    return Done("; ".join(said), as_one(faults, beside=len(outcomes) - len(faults)))


def _databases(count: int, which: str = "") -> str:
    return " ".join(filter(None, (str(count), which, "database" if count == 1 else "databases")))
