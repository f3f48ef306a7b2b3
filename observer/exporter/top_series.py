"""A bounded choice among many counters: the busiest have series of their own, the rest is summed.

The choice is sticky and moves nothing, so that `increase()` over any series, and over their sum, is exact:

* a promoted entry appears at 0, and its deltas are its own only after a scrape has seen that 0; until then
  they belong to the rest of its group;
* a demoted series is frozen, not removed, and goes on when the entry comes back;
* the rest of a group is a series too: it appears at 0, and what belongs to it is held until that was seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

K = TypeVar("K")
G = TypeVar("G")

HALF_LIFE = 600.0
"""Seconds after which an entry's past activity counts half in the choice."""

ADVANTAGE = 1.5
"""How much busier than the idlest member an entry must be to take its place."""


@dataclass(slots=True)
class _Series:
    totals: list[float]
    shown_since: int
    """The version of the snapshot in which the series first stood, at the value it then had."""
    member: bool = True


@dataclass(slots=True)
class _Rest:
    totals: list[float]
    held: list[float]
    shown_since: int


@dataclass(slots=True)
class TopSeries(Generic[K, G]):
    """Accumulated counters of the busiest entries, and of the rest by group.

    Args:
        limit: How many entries have deltas counted in series of their own at a time.
        width: How many counters an entry has.
        weight: Index of the counter by which entries are compared.
        group: The group of an entry's key, in whose rest it counts while it has no series.
        frozen_limit: How many series of former members stay on the page.
    """

    limit: int
    width: int
    weight: int
    group: Callable[[K], G]
    frozen_limit: int = 1000
    _series: dict[K, _Series] = field(default_factory=dict)
    _gone: dict[K, list[float]] = field(default_factory=dict)
    _rest: dict[G, _Rest] = field(default_factory=dict)
    _scores: dict[K, float] = field(default_factory=dict)
    _at: float | None = None

    def introduce(self, groups: Iterable[G], *, version: int) -> None:
        """Let the rest of each group stand on the page, at 0, before anything is counted in it."""
        for group in groups:
            self._rest_of(group, version)

    def seed(self, weights: Iterable[tuple[K, float]], *, version: int) -> None:
        """Choose members before any delta is known, by what they weighed in the past. Counts nothing."""
        ranked = sorted(weights, key=lambda pair: pair[1], reverse=True)
        for key, weight in ranked[: self.limit]:
            if weight > 0:
                self._show(key, version)

    def advance(
        self,
        deltas: Iterable[tuple[K, tuple[float, ...]]],
        *,
        version: int,
        seen: int,
        now: float,
    ) -> None:
        """Count deltas, then choose anew.

        Args:
            deltas: What each entry added; a key may come more than once.
            version: Of the snapshot that will show the result.
            seen: The newest version that every scraper has seen.
            now: Monotonic seconds.
        """
        self._decay(now)
        for rest in self._rest.values():
            if rest.shown_since <= seen:
                _add(rest.totals, rest.held)
                rest.held = [0.0] * self.width
        for key, delta in deltas:
            self._scores[key] = self._scores.get(key, 0.0) + delta[self.weight]
            series = self._series.get(key)
            if series is not None and series.member and series.shown_since <= seen:
                _add(series.totals, delta)
                continue
            rest = self._rest_of(self.group(key), version)
            _add(rest.totals if rest.shown_since <= seen else rest.held, delta)
        self._choose(version)

    def series(self) -> Iterator[tuple[K, list[float]]]:
        """Every entry that has a series, with its totals."""
        for key, series in self._series.items():
            yield key, series.totals

    def rest(self) -> Iterator[tuple[G, list[float]]]:
        """The rest of each group, with its totals."""
        for group, rest in self._rest.items():
            yield group, rest.totals

    def held(self) -> float:
        """What waits for a scrape to see a new group's 0, in the counter that weighs."""
        return math.fsum(rest.held[self.weight] for rest in self._rest.values())

    def _rest_of(self, group: G, version: int) -> _Rest:
        rest = self._rest.get(group)
        if rest is None:
            rest = _Rest([0.0] * self.width, [0.0] * self.width, version)
            self._rest[group] = rest
        return rest

    def _show(self, key: K, version: int) -> None:
        series = self._series.get(key)
        if series is not None:
            series.member = True
            return
        totals = self._gone.pop(key) if key in self._gone else [0.0] * self.width
        self._series[key] = _Series(totals, version)

    def _freeze(self, key: K) -> None:
        series = self._series.pop(key)
        series.member = False
        self._series[key] = series  # at the end: the order tells who is frozen longest

    def _decay(self, now: float) -> None:
        if self._at is not None and now > self._at:
            keep = 0.5 ** ((now - self._at) / HALF_LIFE)
            self._scores = {key: kept for key, score in self._scores.items() if (kept := score * keep) > 1e-6}
        self._at = now

    def _choose(self, version: int) -> None:
        members = {key: self._scores.get(key, 0.0) for key, series in self._series.items() if series.member}
        free = self.limit - len(members)
        # Nobody who is not busier than the idlest member gets in; there are thousands of those.
        least = 0.0 if free > 0 else ADVANTAGE * min(members.values())
        outside = [
            (score, key) for key, score in self._scores.items() if score > least and key not in members
        ]
        if not outside:
            return
        outside.sort(key=lambda pair: (-pair[0], _order(pair[1])))
        idlest = sorted(members, key=lambda key: (members[key], _order(key)))
        for score, key in outside:
            if free > 0:
                free -= 1
            elif idlest and score > ADVANTAGE * self._scores.get(idlest[0], 0.0):
                self._freeze(idlest.pop(0))
            else:
                break
            self._show(key, version)
        self._forget_frozen()

    def _forget_frozen(self) -> None:
        """Take the longest frozen series off the page; their totals are kept, so that they can go on."""
        frozen = [key for key, series in self._series.items() if not series.member]
        for key in frozen[: max(0, len(frozen) - self.frozen_limit)]:
            self._gone[key] = self._series.pop(key).totals
        while len(self._gone) > 10 * self.frozen_limit:
            self._gone.pop(next(iter(self._gone)))


def _add(totals: list[float], delta: Iterable[float]) -> None:
    for index, value in enumerate(delta):
        if value:
            totals[index] += value


def _order(key: Hashable) -> str:
    """Ties are broken the same way in every process."""
    return repr(key)
