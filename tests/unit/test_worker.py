"""A target's thread: one collection at a time, shared by all who ask, and ended when it must be."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import wait
from typing import TYPE_CHECKING

import pytest

from observer.exporter.audience import Audience
from observer.exporter.declaration import MetricDeclaration, one
from observer.exporter.pacing import Pacer
from observer.exporter.snapshot import CollectionOrder, Outcome, Reading, Snapshot
from observer.exporter.worker import GRACE, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from observer.exporter.declaration import Kind
    from observer.exporter.snapshot import Source

PATIENCE = 20.0
"""Seconds after which a test gives up waiting for another thread."""

METRIC = MetricDeclaration("answer", "gauge", "What was read.", "postgres")


class HeldClock:
    """Time that moves when it is told to."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> float:
        return 1_700_000_000.0 + self.at

    def monotonic(self) -> float:
        return self.at


class FakeSource:
    """A target that answers when it is let."""

    name = "main"
    labels = ""
    kind: Kind = "postgres"
    address = "nowhere"

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.aborted = threading.Event()
        self.closed = threading.Event()
        self.orders: list[CollectionOrder] = []
        self.error: Exception | None = None

    def declared(self) -> Sequence[MetricDeclaration]:
        return (METRIC,)

    def collect(self, order: CollectionOrder) -> Reading:
        self.orders.append(order)
        self.entered.release()
        assert self.gate.wait(PATIENCE)
        if self.error is not None:
            raise self.error
        return Reading(up=True, outcomes=[Outcome("answer", 0.0, [one(METRIC, len(self.orders))])])

    def abort(self) -> None:
        self.aborted.set()
        self.gate.set()

    def close(self) -> None:
        self.closed.set()


class Heard:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []

    def collected(self, source: Source, snapshot: Snapshot) -> None:
        assert source.name == "main"
        self.snapshots.append(snapshot)


class Stage:
    """A worker with everything that it is handed."""

    def __init__(self, deadline: float = 60.0) -> None:
        self.source, self.clock, self.audience, self.heard = FakeSource(), HeldClock(), Audience(), Heard()
        self.worker = Worker(
            self.source,
            pacer=Pacer(),
            audience=self.audience,
            clock=self.clock,
            deadline=deadline,
            label='target="main"',
            listener=self.heard,
            jitter=lambda: 0.0,
        )

    def collect(self) -> None:
        """Let time pass, ask, and wait for the answer."""
        self.clock.at += 2.0
        self.worker.refresh().result(PATIENCE)


@pytest.fixture
def stages() -> Iterator[Callable[..., Stage]]:
    made: list[Stage] = []

    def make(deadline: float = 60.0) -> Stage:
        made.append(Stage(deadline))
        return made[-1]

    yield make
    for stage in made:
        stage.source.gate.set()
        stage.worker.stop(PATIENCE)


def test_the_first_collection_is_at_once(stages: Callable[..., Stage]) -> None:
    """It is published with its lines, plain and with the label of the target."""
    stage = stages()
    asked = stage.worker.refresh()
    stage.worker.start()
    asked.result(PATIENCE)
    published = stage.worker.published
    assert published is not None
    assert published.plain == {METRIC: b"answer 1\n"}
    assert published.labelled == {METRIC: b'answer{target="main"} 1\n'}
    assert published.snapshot.version == 1
    assert stage.heard.snapshots == [published.snapshot]
    assert stage.worker.fresh(stage.clock.at + 0.5)
    assert not stage.worker.fresh(stage.clock.at + 1.5)


def test_many_who_ask_share_one_collection(stages: Callable[..., Stage]) -> None:
    """Whoever asks while one is running is served by it."""
    stage = stages()
    stage.source.gate.clear()
    stage.worker.start()
    assert stage.source.entered.acquire(timeout=PATIENCE)
    assert stage.worker.running()
    asked = [stage.worker.refresh() for _ in range(50)]
    assert not any(future.done() for future in asked)
    stage.source.gate.set()
    for future in asked:
        future.result(PATIENCE)
    assert len(stage.source.orders) == 1


def test_collections_keep_their_distance(stages: Callable[..., Stage]) -> None:
    """Asking again at once does not collect before the least interval is over."""
    stage = stages()
    stage.worker.start()
    stage.collect()
    began = stage.source.orders[-1].now
    asked = stage.worker.refresh()
    assert stage.worker._due(stage.clock.at) == began + 1.0
    assert not asked.done()
    stage.clock.at = began + 1.0
    stage.worker.arrived("somebody", stage.clock.at)
    asked.result(PATIENCE)
    starts = [order.now for order in stage.source.orders]
    assert all(b - a >= 1.0 for a, b in itertools.pairwise(starts))


def test_a_surprise_does_not_end_the_thread(stages: Callable[..., Stage]) -> None:
    """The target is down for this collection, with the error's name; the next one may go well."""
    stage = stages()
    stage.source.error = RuntimeError("surprise")
    stage.worker.start()
    stage.collect()
    snapshot = stage.heard.snapshots[-1]
    assert not snapshot.up
    assert snapshot.fault is not None
    assert snapshot.fault.sentence == "RuntimeError: surprise"
    stage.source.error = None
    stage.clock.at += 60.0  # the longest that anybody is made to wait
    stage.collect()
    assert stage.heard.snapshots[-1].up


def test_a_collection_is_cut_off_at_its_deadline(stages: Callable[..., Stage]) -> None:
    """From another thread, since drivers wait where nobody can reach them."""
    stage = stages(deadline=0.05)
    stage.source.gate.clear()
    asked = stage.worker.refresh()
    stage.worker.start()
    asked.result(PATIENCE)
    assert stage.source.aborted.is_set()


def test_a_collection_that_does_not_come_back_is_told(stages: Callable[..., Stage]) -> None:
    """Only long after its deadline; scrapes do not wait for it any more."""
    stage = stages(deadline=60.0)
    stage.worker.start()
    stage.collect()
    assert stage.worker.patience(stage.clock.at) > 0
    stage.source.gate.clear()
    stage.clock.at += 2.0
    asked = stage.worker.refresh()
    while len(stage.source.orders) < 2 or not stage.worker.running():
        assert stage.source.entered.acquire(timeout=PATIENCE)
    stage.clock.at += 59.0
    assert stage.worker.patience(stage.clock.at) == 0
    assert not stage.worker.wedged(stage.clock.at)
    stage.clock.at += 2.0 + GRACE
    assert stage.worker.wedged(stage.clock.at)
    stage.source.gate.set()
    asked.result(PATIENCE)
    assert not stage.worker.wedged(stage.clock.at)


def test_an_order_says_what_was_seen(stages: Callable[..., Stage]) -> None:
    """Versions rise by one, and what scrapers have seen reaches the collectors."""
    stage = stages()
    stage.worker.start()
    stage.collect()
    version = stage.source.orders[-1].version
    stage.audience.served("prometheus", {"main": version})
    stage.collect()
    order = stage.source.orders[-1]
    assert (order.version, order.seen) == (version + 1, version)


def test_stopping_ends_what_runs(stages: Callable[..., Stage]) -> None:
    """A running collection is cut off, the source is closed, and who waits is told at once or served."""
    stage = stages()
    stage.source.gate.clear()
    stage.worker.start()
    assert stage.source.entered.acquire(timeout=PATIENCE)
    asked = stage.worker.refresh()
    stage.worker.stop(PATIENCE)
    assert stage.source.aborted.is_set()
    assert stage.source.closed.is_set()
    assert asked in wait([asked], PATIENCE).done


def test_a_target_that_stays_down_is_tried_ever_more_rarely(stages: Callable[..., Stage]) -> None:
    """However often somebody asks: scrapes wait for nothing, and one success ends it."""
    stage = stages()
    stage.source.error = RuntimeError("down")
    stage.worker.start()
    stage.collect()
    waits = []
    for _ in range(4):
        began = stage.source.orders[-1].now
        asked = stage.worker.refresh()
        assert stage.worker.patience(stage.clock.at) == 0
        waits.append(stage.worker._due(stage.clock.at) - began)
        stage.clock.at = began + waits[-1]
        stage.worker.arrived(f"somebody-{len(waits)}", stage.clock.at)
        asked.result(PATIENCE)
    # The first collection may have been the one that was asked for.
    assert waits in ([30.0, 60.0, 60.0, 60.0], [1.0, 30.0, 60.0, 60.0])
    assert not any(snapshot.up for snapshot in stage.heard.snapshots)
    stage.source.error = None
    stage.clock.at += 60.0
    stage.collect()
    assert stage.heard.snapshots[-1].up
    asked = stage.worker.refresh()
    assert stage.worker._due(stage.clock.at) - stage.source.orders[-1].now == 1.0
    stage.clock.at += 1.0
    stage.worker.arrived("somebody", stage.clock.at)
    asked.result(PATIENCE)
