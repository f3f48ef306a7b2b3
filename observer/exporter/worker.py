"""One thread for each target: collects when a scrape is due, publishes a snapshot and its lines."""

from __future__ import annotations

import random
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from observer.deadlines import Deadline, cut_off
from observer.exporter.exposition import Rendered, Renderer
from observer.exporter.snapshot import CollectionOrder, Fault, Holding, Reading, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from observer.clock import Clock
    from observer.exporter.audience import Audience
    from observer.exporter.pacing import Pacer
    from observer.exporter.snapshot import Source

GRACE = 6.0
"""Seconds past its deadline after which a collection counts as wedged: a driver may take 5 to let go."""


class Listener(Protocol):
    """Is told of every collection."""

    def collected(self, source: Source, snapshot: Snapshot) -> None: ...


@dataclass(frozen=True, slots=True)
class Published:
    """A snapshot with its lines: as upstream names them, and with the label ``target``."""

    snapshot: Snapshot
    plain: Rendered
    labelled: Rendered


class Worker:
    """Collects one target, never more often than allowed, never two at a time.

    Args:
        source: What to collect.
        pacer: When.
        audience: Who has seen what.
        clock: The time.
        deadline: Seconds that a collection may take.
        label: The label that tells this target from others of its kind, as a body; empty for none.
        listener: Told of every collection.
        max_series: Series that a metric of the target may have.
        jitter: Between 0 and 1, new at each call; spreads attempts at targets that are down.
    """

    def __init__(
        self,
        source: Source,
        *,
        pacer: Pacer,
        audience: Audience,
        clock: Clock,
        deadline: float,
        label: str,
        listener: Listener,
        max_series: int = 20_000,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.source = source
        self.published: Published | None = None
        self._pacer = pacer
        self._audience = audience
        self._clock = clock
        self._deadline = deadline
        self._plain = Renderer(source.labels)
        self._labelled = Renderer(",".join(filter(None, (label, source.labels)))) if label else None
        self._listener = listener
        self._holding = Holding(max_series)
        self._jitter = jitter
        self._failures = 0
        self._patience = 0.0
        self._version = 0
        self._durations: deque[float] = deque(maxlen=8)
        self._wake = threading.Condition()
        self._waiting: list[Future[None]] = []
        self._wanted = False
        self._stopping = False
        self._began: float | None = None
        self._running_since: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"collect-{source.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """End the thread; a collection that is running is cut off."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        if self._running_since is not None:
            self.source.abort()
        self._thread.join(timeout)

    def arrived(self, scraper: str, at: float) -> None:
        """A scrape came; think again about when the next collection is due."""
        self._pacer.arrived(scraper, at)
        with self._wake:
            self._wake.notify_all()

    def fresh(self, now: float) -> bool:
        """Whether the newest snapshot is young enough to be served."""
        published = self.published
        if published is None:
            return False
        return now - published.snapshot.began <= self._pacer.serves(self._duration())

    def interval(self, now: float) -> float:
        """Seconds between two scrapes at present, or the idle interval."""
        return self._pacer.interval(now)

    def scrapers(self, now: float) -> int:
        """How many scrapers come with a rhythm."""
        return len(self._pacer.regulars(now))

    def running(self) -> bool:
        """Whether a collection is under way."""
        return self._running_since is not None

    def refresh(self) -> Future[None]:
        """Ask for a collection; many who ask share one. Done when its snapshot is published.

        A collection that is already running serves whoever asks meanwhile: its numbers are under way.
        """
        future: Future[None] = Future()
        with self._wake:
            self._waiting.append(future)
            if self._running_since is None:
                self._wanted = True
                self._wake.notify_all()
        return future

    def patience(self, now: float) -> float:
        """How long a scrape may reasonably wait for this target: nothing while it hangs or is down."""
        published = self.published
        expected = max(self._durations, default=self._deadline) * 2 + 0.25
        running_since = self._running_since
        running = now - running_since if running_since is not None else 0.0
        if published is None:
            return max(0.0, self._deadline + GRACE - running)
        return max(0.0, expected - running) if published.snapshot.up else 0.0

    def wedged(self, now: float) -> bool:
        """Whether a collection has not come back although its deadline and grace are over."""
        since = self._running_since
        dead = self._thread.ident is not None and not self._thread.is_alive() and not self._stopping
        return dead or (since is not None and now - since > self._deadline + GRACE)

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._stopping:
                    now = self._clock.monotonic()
                    wait = self._due(now) - now
                    if wait <= 0:
                        break
                    self._wake.wait(wait)
                if self._stopping:
                    break
                self._wanted = False
                self._began = self._running_since = self._clock.monotonic()
            self._collect(self._began)
            with self._wake:
                self._running_since = None
                waiting, self._waiting = self._waiting, []
            for future in waiting:
                if future.set_running_or_notify_cancel():
                    future.set_result(None)
        self.source.close()
        for future in self._waiting:
            future.cancel()

    def _due(self, now: float) -> float:
        due = self._pacer.next_start(
            now,
            last_start=self._began,
            duration=self._duration(),
        )
        if self._began is None:
            return due
        if self._wanted:
            due = min(due, self._began + self._pacer.min_interval)
        return max(due, self._began + self._patience)

    def _duration(self) -> float:
        """How long a collection takes, but for a single one that took longer."""
        durations = sorted(self._durations)
        return durations[-2] if len(durations) > 1 else 0.5

    def _collect(self, began: float) -> None:
        taken_at = self._clock.now()
        self._version += 1
        deadline = Deadline(self._deadline, f"collecting from {self.source.name}")
        order = CollectionOrder(
            version=self._version,
            seen=self._audience.seen(self.source.name, self._pacer.regulars(began)),
            now=began,
            deadline=deadline,
        )
        try:
            with cut_off(deadline, self.source.abort):
                reading = self.source.collect(order)
        except Exception as error:  # noqa: BLE001 - one target's surprise must not end its thread
            reading = Reading(up=False, fault=Fault("internal", f"{type(error).__name__}: {error}"))
        seconds = self._clock.monotonic() - began
        if reading.up:
            self._durations.append(seconds)
            self._failures = 0
        else:
            self._failures += 1
        self._patience = self._pacer.patience(began, self._failures, self._jitter())
        snapshot = self._holding.absorb(
            reading,
            version=self._version,
            began=began,
            taken_at=taken_at,
            seconds=seconds,
            interval=self._pacer.interval(began),
        )
        plain = self._plain.render(snapshot.families)
        labelled = self._labelled.render(snapshot.families) if self._labelled else plain
        self.published = Published(snapshot, plain, labelled)
        self._listener.collected(self.source, snapshot)
