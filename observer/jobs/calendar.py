"""When a job is due, and what a start has to make up for: arithmetic of ticks, without a clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from observer.store.ticks import Tick

EARLY = 0.5
"""Seconds that a tick may seem early: the wall clock is set back by little all the time."""

MOST_NOTED = 100
"""Ticks that are noted one by one as skipped; a service that rested for a month missed thousands."""

INTERRUPTED = "interrupted"
"""How the outcome of a run begins that was ended with the process."""


def due(now: float, interval: int) -> int:
    """The newest tick that is due. Ticks are multiples of the interval, so all instances mean the same."""
    return int((now + EARLY) // interval) * interval


def following(now: float, interval: int) -> int:
    """The next tick that is not due yet."""
    return due(now, interval) + interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a start has to do for a job.

    Args:
        tick: To be run; None when nothing was missed.

        at: When, in seconds since the epoch.

        skipped: Older ticks that are not made up for, oldest first.

        look_again_at: When to plan anew, since a run may still be under way elsewhere.
    """

    tick: int | None = None
    at: float = 0.0
    skipped: tuple[int, ...] = ()
    look_again_at: float | None = None


def plan_start(last: Tick | None, now: float, interval: int, *, patience: float, delay: float) -> Start:
    """What to make up for at a start.

    Args:
        last: The latest tick that anybody claimed.

        now: Seconds since the epoch.

        interval: Of the job.

        patience: Seconds after which a run without an outcome is taken for dead.

        delay: Seconds to wait before the first run ever.
    """
    if last is None:
        return Start(tick=due(now + delay, interval), at=now + delay)
    newest = due(now, interval)
    if newest > last.tick:
        first = max(due(last.tick + interval, interval), newest - MOST_NOTED * interval)
        return Start(tick=newest, at=now, skipped=tuple(range(first, newest, interval)))
    if last.outcome is None and now < last.claimed_at + patience:
        return Start(look_again_at=last.claimed_at + patience)
    if last.outcome is None or last.outcome.startswith(INTERRUPTED):
        # The tick itself is taken for ever; the moment of its repetition is a tick of its own.
        return Start(tick=max(int(now), last.tick + 1), at=now)
    return Start()
