"""What is known of a target: results of its collectors, their ages, and what is dropped for its age."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from observer.exporter.bounds import Bound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observer.deadlines import Deadline
    from observer.exporter.declaration import Family, Kind, MetricDeclaration

KEEP_INTERVALS = 3
"""Intervals for which a collector's last good result is shown while it fails."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why something did not work, for people."""

    code: str
    sentence: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one collector brought.

    Args:
        collector: Its name.
        seconds: How long it took.
        families: What it read; ``None`` when it failed.
        fault: Why it failed, wholly or in part.
        clock: Seconds between two runs of it; 0 means every collection.
    """

    collector: str
    seconds: float
    families: Sequence[Family] | None
    fault: Fault | None = None
    clock: float = 0.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What one collection of a target brought.

    Args:
        up: Whether the target answered this very collection.
        outcomes: Of the collectors that ran; those with a slow clock run rarely.
        always: Families that tell of this collection itself, such as ``pg_up``.
        facts: What a person wants to know of the target: version, role.
        fault: Why it is not up.
        gone: Collectors that do not fit the target any more, after a change of its role for example.
        connections: How many connections to the target are held; ``None`` where none is.
    """

    up: bool
    outcomes: Sequence[Outcome] = ()
    always: Sequence[Family] = ()
    facts: dict[str, str] = field(default_factory=dict)
    fault: Fault | None = None
    gone: Sequence[str] = ()
    connections: int | None = None


@dataclass(frozen=True, slots=True)
class CollectionOrder:
    """What a source is told when it is to collect.

    Args:
        version: Of the snapshot that the result goes into.
        seen: The newest version that every scraper has seen.
        now: Monotonic seconds.
        deadline: By when it must return.
    """

    version: int
    seen: int
    now: float
    deadline: Deadline


class Source(Protocol):
    """A target that can be collected."""

    name: str
    labels: str
    """Labels that all its series carry on every page, as a body; empty for most."""

    @property
    def kind(self) -> Kind:
        """What is talked to."""

    @property
    def address(self) -> str:
        """Where it is, without secrets."""

    def declared(self) -> Sequence[MetricDeclaration]:
        """Every metric that it may emit."""

    def collect(self, order: CollectionOrder) -> Reading:
        """Read the target once. Does not raise for what is the target's fault."""

    def abort(self) -> None:
        """Make a running `collect` return soon; called from another thread at its deadline."""

    def close(self) -> None:
        """Give up what is held."""


@dataclass(frozen=True, slots=True)
class CollectorState:
    """A collector as the start page and the metrics of Observer show it."""

    collector: str
    ok: bool
    seconds: float
    last_success: float | None
    """When its result was read, in seconds since the epoch."""
    fault: Fault | None
    clock: float
    shown: bool
    """Whether its last good result is on the page."""
    ran: bool
    """Whether it ran in this very collection."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that is known of a target at one moment; never changed once it is published."""

    version: int
    up: bool
    began: float
    """When the collection began, on the monotonic clock; the age of every number counts from here."""
    taken_at: float
    """The same moment in seconds since the epoch."""
    seconds: float
    families: tuple[Family, ...]
    collectors: tuple[CollectorState, ...]
    facts: dict[str, str]
    fault: Fault | None
    dropped: dict[str, int] = field(default_factory=dict)
    """By metric, how many series were left out because there are too many."""
    connections: int | None = None
    """How many connections to the target are held; ``None`` where none is."""


@dataclass(slots=True)
class _Held:
    families: Sequence[Family]
    at: float
    at_epoch: float


class Holding:
    """The last good results of a target's collectors.

    Args:
        max_series: Series that a metric may have.
    """

    def __init__(self, max_series: int = 20_000) -> None:
        self._bound = Bound(max_series)
        self._held: dict[str, _Held] = {}
        self._latest: dict[str, Outcome] = {}

    def absorb(
        self,
        reading: Reading,
        *,
        version: int,
        began: float,
        taken_at: float,
        seconds: float,
        interval: float,
    ) -> Snapshot:
        """The snapshot after a collection.

        Of a target that does not answer nothing is shown but that it is down; results of slow collectors are
        shown again once it answers. A collector that fails shows its last good result for a few intervals
        more, then nothing, so that `absent()` works.

        Args:
            reading: What the collection brought.
            version: The snapshot's.
            began: When the collection began, monotonic.
            taken_at: The same in seconds since the epoch.
            seconds: How long it took.
            interval: Seconds between two collections at present.
        """
        for name in reading.gone:
            self._latest.pop(name, None)
            self._held.pop(name, None)
        for outcome in reading.outcomes:
            self._latest[outcome.collector] = outcome
            if outcome.families is not None:
                self._held[outcome.collector] = _Held(outcome.families, began, taken_at)
        for name, held in list(self._held.items()):
            latest = self._latest[name]
            keep = KEEP_INTERVALS * max(interval, latest.clock, 1.0)
            if latest.families is None and began - held.at > keep:
                del self._held[name]
        shown = self._held if reading.up else {}
        families, dropped = self._bound.cut(
            [*reading.always, *(family for held in shown.values() for family in held.families)]
        )
        return Snapshot(
            version=version,
            up=reading.up,
            began=began,
            taken_at=taken_at,
            seconds=seconds,
            families=families,
            collectors=tuple(self._state(name, reading, shown.get(name)) for name in self._latest),
            facts=reading.facts,
            fault=reading.fault,
            dropped=dropped,
            connections=reading.connections,
        )

    def _state(self, name: str, reading: Reading, held: _Held | None) -> CollectorState:
        outcome = self._latest[name]
        return CollectorState(
            collector=name,
            ok=reading.up and outcome.fault is None and outcome.families is not None,
            seconds=outcome.seconds,
            last_success=held.at_epoch if held else None,
            fault=outcome.fault if reading.up else reading.fault,
            clock=outcome.clock,
            shown=held is not None,
            ran=any(outcome is one for one in reading.outcomes),
        )
