"""When the next scrapes come: a phase is learned for every scraper, so that collecting ends just before."""

from __future__ import annotations

from dataclasses import dataclass, field

MEMORY = 24
"""Arrivals that are remembered of one scraper."""

TOLERANCE = 0.08
"""By how much of its interval a scrape may miss its phase."""

PATIENCE = 4.0
"""Intervals between two attempts at a target that stays down, at the most."""

MOST_PATIENCE = 60.0
"""Seconds between them, at the most."""

LEAST_RHYTHM = 15.0
"""Seconds that are taken for the interval where nobody scrapes by one that is shorter."""

FORGET_AFTER = 4.0
"""Intervals without an arrival after which a scraper is taken to be gone."""


@dataclass(slots=True)
class Rhythm:
    """The arrivals of one scraper, and what follows from them.

    Two servers of a pair can look alike (the same address and agent); then their arrivals interleave. So
    the interval is the shortest distance at which nearly every arrival has a predecessor, and within one
    interval there may be several phases.
    """

    arrivals: tuple[float, ...] = ()
    """Replaced, never changed: other threads read it."""
    _known: tuple[tuple[float, ...], float | None] = ((), None)
    """Arrivals, and the interval that was found in them: it is asked for many times between two arrivals."""

    def arrived(self, at: float) -> None:
        self.arrivals = (*self.arrivals, at)[-MEMORY:]

    def interval(self) -> float | None:
        """Seconds between two scrapes of the same phase; ``None`` while no regularity is seen."""
        times, (known, period) = self.arrivals, self._known
        if known is not times:
            period = _period(times)
            self._known = (times, period)
        return period

    def next_after(self, now: float) -> list[float]:
        """When scrapes are expected, the next two of each phase, soonest first. Empty when unknown."""
        period = self.interval()
        if period is None or now - self.arrivals[-1] > FORGET_AFTER * period:
            return []
        expected: list[float] = []
        times = self.arrivals
        for at in times:
            if at > times[-1] - period + TOLERANCE * period:
                missed = max(0, int((now - at) // period))
                following = at + period * (missed or 1)
                if following <= now:
                    following += period
                expected += [following, following + period]
        return sorted(expected)

    def active(self, now: float) -> bool:
        """Whether the scraper still comes: regularly, or for the first time within the last two minutes."""
        if not self.arrivals:
            return False
        period = self.interval()
        return now - self.arrivals[-1] <= (FORGET_AFTER * period if period is not None else 120.0)


def _period(times: tuple[float, ...]) -> float | None:
    """The shortest distance from the newest arrival at which nearly every other has a predecessor too."""
    if len(times) >= 3:
        last = times[-1]
        for candidate in reversed(times[:-1]):
            period = last - candidate
            if period > 0 and _fits(times, period):
                return period
    return None


def _fits(times: tuple[float, ...], period: float) -> bool:
    slack = max(0.25, TOLERANCE * period)
    due = [at for at in times if at - period >= times[0] - slack and at > times[0]]
    met = [at for at in due if any(abs(at - period - other) <= slack for other in times if other < at)]
    # Every arrival of the newest two periods must fit; older ones may bear witness of another rhythm.
    recent = [at for at in due if at > times[-1] - 2 * period]
    return len(due) >= 2 and len(met) >= 0.75 * len(due) and all(at in met for at in recent)


@dataclass(slots=True)
class Pacer:
    """Decides when a target is collected.

    Args:
        max_age: Scrapes closer to each other than this share one collection, in seconds.
        min_interval: Least time between the starts of two collections, in seconds.
        idle_interval: Most time between two collections when nobody scrapes, in seconds.
        margin: Slack between the expected end of a collection and the scrape, in seconds.
    """

    max_age: float = 1.0
    min_interval: float = 1.0
    idle_interval: float = 60.0
    margin: float = 0.15
    _rhythms: dict[str, Rhythm] = field(default_factory=dict)

    def arrived(self, scraper: str, at: float) -> None:
        """A scrape came."""
        for gone in [key for key, rhythm in self._rhythms.items() if not rhythm.active(at)]:
            del self._rhythms[gone]
        self._rhythms.setdefault(scraper, Rhythm()).arrived(at)

    def regulars(self, now: float) -> list[str]:
        """The scrapers that come with a rhythm."""
        return [
            key
            for key, rhythm in list(self._rhythms.items())
            if rhythm.interval() is not None and rhythm.active(now)
        ]

    def interval(self, now: float) -> float:
        """The shortest interval at which anybody scrapes, or the idle interval."""
        known = [
            period
            for rhythm in list(self._rhythms.values())
            if rhythm.active(now) and (period := rhythm.interval()) is not None
        ]
        return min(known, default=self.idle_interval)

    def serves(self, duration: float) -> float:
        """How old numbers may be that a scrape is served, in seconds, where reading them takes ``duration``.

        A collection that began this shortly before a scrape serves that scrape too: of a slow target nothing
        younger can be had.
        """
        return max(self.max_age, 1.25 * (duration + self.margin))

    def patience(self, now: float, failures: int, jitter: float) -> float:
        """Seconds from one attempt at a target that is down to the next, at least.

        After the first failure it is tried again when it would be anyway, or when somebody asks; then after
        ever more intervals, up to four of them and to a minute. Its up-metric, which tells of the last
        attempt, is never older than that.

        Args:
            now: Monotonic seconds.
            failures: How many attempts failed since one succeeded.
            jitter: Between 0 and 1; spreads targets that went down together. It never lengthens the wait.
        """
        if failures < 2:
            return 0.0
        interval = min(self.interval(now), LEAST_RHYTHM)
        wait = min(interval * 2.0 ** min(failures - 1, 16), PATIENCE * interval, MOST_PATIENCE)
        return wait * (1 - 0.25 * jitter)

    def next_start(self, now: float, *, last_start: float | None, duration: float) -> float:
        """When the next collection should begin.

        Args:
            now: Monotonic seconds, as all times here.
            last_start: When the last one began; ``None`` before the first.
            duration: How long one takes, in seconds.
        """
        if last_start is None:
            return now
        lead = duration + self.margin
        earliest = last_start + self.min_interval
        latest = last_start + self.idle_interval
        serves = self.serves(duration)
        starts = [
            expected - lead
            for rhythm in list(self._rhythms.values())
            for expected in rhythm.next_after(now)
            if expected - last_start > serves
        ]
        return max(earliest, min([*starts, latest]))
