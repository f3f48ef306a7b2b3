"""When each of many databases is visited: in turn, one at a time, never more than a share of the time."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SHARE = 0.2
"""Most of the time that visits may take: many databases are visited more rarely, not harder."""

MOST_PATIENCE = 600.0
"""Most seconds between two attempts at a database that fails."""


@dataclass(slots=True)
class _Stop:
    due: float
    failures: int = 0


@dataclass(slots=True)
class Rounds:
    """The order of visits.

    Args:
        interval: Seconds between two visits of the same database.
        jitter: Between 0 and 1; spreads the attempts at databases that fail.
    """

    interval: float
    jitter: Callable[[], float] = random.random
    _stops: dict[str, _Stop] = field(default_factory=dict)
    _not_before: float = 0.0

    def follow(self, names: Iterable[str], now: float) -> None:
        """Which databases there are: new ones are due at once, those that are gone are forgotten."""
        wanted = set(names)
        for gone in self._stops.keys() - wanted:
            del self._stops[gone]
        for new in sorted(wanted - self._stops.keys()):
            self._stops[new] = _Stop(now)

    def again(self, now: float, name: str | None = None) -> None:
        """What was in the way is over: everything is due, or one database is."""
        for stop in [self._stops[name]] if name is not None else self._stops.values():
            stop.due, stop.failures = now, 0

    def next(self) -> tuple[str, float] | None:
        """The database whose turn it is, and when; ``None`` when there is none."""
        if not self._stops:
            return None
        name = min(self._stops, key=lambda name: self._stops[name].due)
        return name, max(self._stops[name].due, self._not_before)

    def visited(self, name: str, *, began: float, ended: float, ok: bool) -> None:
        """A visit is over; one that failed is tried again ever more rarely."""
        # What a failed visit spent was waiting; it must not hold the others up beyond that.
        self._not_before = ended + (ended - began) * (1 / SHARE - 1) if ok else ended
        stop = self._stops.get(name)
        if stop is None:
            return
        stop.failures = 0 if ok else stop.failures + 1
        wait = self.interval
        if stop.failures > 1:
            patience = max(self.interval, MOST_PATIENCE)
            wait = min(patience, self.interval * 2.0 ** min(stop.failures - 1, 16))
            wait *= 0.75 + 0.5 * self.jitter()
        stop.due = began + wait
