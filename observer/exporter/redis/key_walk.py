"""A walk over all keys in passes: SCAN with a small COUNT, at a bounded rate, on from where the last ended.

One walk serves all patterns: names are compared here, so that the server looks at each key once, however many
groups there are. KEYS is never sent. What a group holds in memory is estimated from keys that are measured
(MEMORY USAGE): all of them in a small group, as many as allowed in a large one.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from observer.exporter.redis.keyspace import Classifier, Place
from observer.exporter.redis.question import text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from observer.targets.redis import Command

COUNT = 100
"""Keys that one SCAN looks at; it holds the server up for some 50 microseconds."""

PASS_SECONDS = 0.5
"""Most seconds of a pass: the numbers that are read with it must not grow old."""

MEASURED_AT_ONCE = 20
"""Keys that are measured between two SCANs."""

SAMPLES = 5
"""Elements of a key that MEMORY USAGE looks at; more would hold the server up for large keys."""

MOST_STREAMS = 100
"""Streams that patterns may find."""

UNCLASSIFIED = "unclassified"
"""The group of the keys that no pattern fits; upstream's name for it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a walk may ask.

    Args:
        per_pass: Keys that a pass looks at.
        rate: Commands in a second.
        samples: Keys of a group that are measured in a round.
    """

    per_pass: int = 10_000
    rate: int = 1000
    samples: int = 100


@dataclass(slots=True)
class Tally:
    """What was counted of a group."""

    keys: int = 0
    measured: int = 0
    bytes: int = 0

    @property
    def memory(self) -> int:
        """Bytes of all keys of the group, at the mean of those that were measured."""
        return round(self.bytes * self.keys / self.measured) if self.measured else 0


@dataclass(slots=True)
class Round:
    """One walk over all keys of all databases.

    Args:
        groups: By database and name of the group.
        streams: That patterns found.
        seconds: Spent in passes; the time between them does not count.
        commands: That were sent.
    """

    groups: dict[tuple[int, str], Tally] = field(default_factory=lambda: defaultdict(Tally))
    streams: set[Place] = field(default_factory=set)
    seconds: float = 0.0
    commands: int = 0


class _Database:
    """The patterns that hold in one database."""

    def __init__(self, number: int, groups: Mapping[str, Place], streams: Sequence[Place]) -> None:
        here = {name: place.name for name, place in groups.items() if place.database == number}
        stream_patterns = [place.name for place in streams if place.database == number]
        self.number = number
        self.groups = list(here)
        self.classifier = Classifier(here.values())
        self.streams = Classifier(stream_patterns) if stream_patterns else None


class KeyWalk:
    """Walks, pass by pass.

    Args:
        groups: Patterns by name of the group.
        streams: Patterns of streams.
        home: The database that the connection is in otherwise.
        limits: How much it may ask.
    """

    def __init__(
        self, *, groups: Mapping[str, Place], streams: Sequence[Place], home: int, limits: Limits
    ) -> None:
        numbers = sorted({place.database for place in (*groups.values(), *streams)})
        self._databases = [_Database(number, groups, streams) for number in numbers]
        self.groups = dict(groups)
        self._home = home
        self._limits = limits
        self.finished: Round | None = None
        """The newest round that reached its end."""
        self.restart()

    def restart(self) -> None:
        """Begin a new round: cursors mean nothing to another server."""
        self._index = 0
        self._cursor = b"0"
        self._exhausted = False
        self._waiting: list[tuple[bytes, Tally]] = []
        self._round = Round()

    def run(
        self,
        ask: Callable[[Sequence[Command]], list[Any]],
        *,
        until: float,
        pause: Callable[[float], object],
    ) -> bool:
        """One pass.

        Args:
            ask: Sends commands in one write and returns the replies; raises when one is refused.
            until: When to end, on the monotonic clock.
            pause: Waits for so many seconds.

        Returns:
            Whether a round ended in it.
        """
        began = time.monotonic()
        until = min(until, began + PASS_SECONDS)
        looked, sent, ended = 0, 0, False
        try:
            while looked < self._limits.per_pass and time.monotonic() < until and not ended:
                commands, measured, scans = self._next()
                sent += len(commands)
                replies = ask(commands)
                looked += self._take(replies, measured, scans=scans)
                ended = self._index == len(self._databases)
                # The rate holds on the whole: after n commands n / rate seconds have passed.
                ahead = sent / self._limits.rate - (time.monotonic() - began)
                if ahead > 0 and not ended:
                    pause(min(ahead, max(0.0, until - time.monotonic())))
        finally:
            self._round.seconds += time.monotonic() - began
            self._round.commands += sent
        if ended:
            finished = self._round
            self.restart()
            self.finished = finished
        return ended

    def _next(self) -> tuple[list[Command], list[Tally], bool]:
        """Measure what waits, then look on; all in the database, and back. And whether it looks on."""
        database = self._databases[self._index]
        batch, self._waiting = self._waiting[:MEASURED_AT_ONCE], self._waiting[MEASURED_AT_ONCE:]
        commands: list[Command] = [("MEMORY", "USAGE", key, "SAMPLES", str(SAMPLES)) for key, _ in batch]
        scans = not self._waiting and not self._exhausted
        if scans:
            commands.append(("SCAN", self._cursor, "COUNT", str(COUNT)))
        if database.number != self._home:
            commands = [("SELECT", str(database.number)), *commands, ("SELECT", str(self._home))]
        return commands, [tally for _, tally in batch], scans

    def _take(self, replies: list[Any], measured: list[Tally], *, scans: bool) -> int:
        """Count what the replies tell; how many keys were looked at."""
        database = self._databases[self._index]
        if database.number != self._home:
            replies = replies[1:-1]
        for tally, size in zip(measured, replies, strict=False):
            # A key that is gone meanwhile has no size; it was counted all the same.
            if size is not None:
                tally.measured += 1
                tally.bytes += int(size)
        looked = 0
        if scans:
            self._cursor, names = replies[-1]
            self._exhausted = self._cursor == b"0"
            looked = max(COUNT, len(names))
            for name in names:
                self._count(database, name)
        if self._exhausted and not self._waiting:
            self._index, self._cursor, self._exhausted = self._index + 1, b"0", False
        return looked

    def _count(self, database: _Database, name: bytes) -> None:
        if database.groups:
            index = database.classifier.first(name)
            group = database.groups[index] if index is not None else UNCLASSIFIED
            tally = self._round.groups[database.number, group]
            tally.keys += 1
            if tally.keys <= self._limits.samples:
                self._waiting.append((name, tally))
        streams = self._round.streams
        fits = database.streams is not None and database.streams.first(name) is not None
        if fits and len(streams) < MOST_STREAMS:
            streams.add(Place(database.number, text(name)))
