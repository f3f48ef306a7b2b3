"""What Prometheus scrapes itself is left out, and nobody waits for it to say so."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from observer.errors import TargetUnreachable
from observer.exporter.hikari.duplicates import INTERVAL, Duplicates
from observer.exporter.hikari.replicas import Replica
from observer.targets.actuator import ActuatorAddress
from observer.targets.prometheus import Point
from tests.conditions import wait_for

if TYPE_CHECKING:
    from observer.deadlines import Deadline

PAGE = ActuatorAddress.parse("http://mealsync-app:8080/actuator/prometheus")
NAMED = Replica("app-1", PAGE)
FIRST = Replica("10.0.0.1:8080", PAGE, "10.0.0.1")
SECOND = Replica("10.0.0.2:8080", PAGE, "10.0.0.2")


class FakePrometheus:
    """Knows instances by job, until it is away."""

    def __init__(self, **jobs: str) -> None:
        self.jobs = {instance: job for job, instance in jobs.items()}
        self.away = False
        self.gate = threading.Event()
        self.gate.set()
        self.asked = 0
        self.now = 1000.0

    def query(self, expression: str, deadline: Deadline) -> list[Point]:
        assert 'replica=""' in expression
        assert deadline.left() > 0
        self.asked += 1
        self.gate.wait(20)
        if self.away:
            raise TargetUnreachable("it is away")
        return [Point({"instance": i, "job": j}, 1.0) for i, j in self.jobs.items()]

    def duplicates(self) -> Duplicates:
        return Duplicates("app", self.query, monotonic=lambda: self.now)


def test_replicas_are_known_by_their_instance() -> None:
    """Host and port, whatever the replica is called here; the name of a fleet is no replica's."""
    prometheus = FakePrometheus(mealsync="10.0.0.1:8080", other="elsewhere:1")
    assert prometheus.duplicates().jobs([FIRST, SECOND]) == {FIRST: "mealsync"}
    by_name = FakePrometheus(mealsync="mealsync-app:8080")
    assert by_name.duplicates().jobs([NAMED]) == {NAMED: "mealsync"}
    assert by_name.duplicates().jobs([FIRST, SECOND]) == {}


def test_it_is_asked_now_and_then_and_what_it_said_holds() -> None:
    """While it is away nothing changes; once it is back, it counts again."""
    prometheus = FakePrometheus(mealsync="10.0.0.1:8080")
    duplicates = prometheus.duplicates()
    assert duplicates.jobs([FIRST]) == duplicates.jobs([FIRST]) == {FIRST: "mealsync"}
    assert prometheus.asked == 1
    prometheus.away = True
    prometheus.now += INTERVAL
    duplicates.jobs([FIRST])
    wait_for(lambda: prometheus.asked == 2, "it is asked again")
    assert duplicates.jobs([FIRST]) == {FIRST: "mealsync"}
    prometheus.away, prometheus.jobs = False, {}

    def forgotten() -> bool:
        prometheus.now += INTERVAL
        return duplicates.jobs([FIRST]) == {}

    wait_for(forgotten, "what it scrapes no more is shown again")


def test_one_that_hangs_holds_nobody_up() -> None:
    """The series are shown until it says otherwise, and it is asked only once."""
    prometheus = FakePrometheus(mealsync="10.0.0.1:8080")
    prometheus.gate.clear()
    duplicates = prometheus.duplicates()
    for _ in range(3):
        assert duplicates.jobs([FIRST]) == {}
        prometheus.now += INTERVAL
    assert prometheus.asked == 1
    prometheus.gate.set()
    wait_for(lambda: duplicates.jobs([FIRST]) == {FIRST: "mealsync"}, "the late answer")
