"""The state of all targets as the start page shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from observer.app.status import status
from observer.exporter.declaration import MetricDeclaration, one
from observer.exporter.snapshot import Fault, Holding, Outcome, Reading
from observer.exporter.worker import Published

if TYPE_CHECKING:
    from observer.exporter.exporter import Exporter

METRIC = MetricDeclaration("answer", "gauge", "What was read.", "postgres")
FAULT = Fault("deadline", "no answer in time", "Wait.")


class HeldClock:
    """Ten seconds after the collection."""

    def now(self) -> float:
        return 1010.0

    def monotonic(self) -> float:
        return 110.0


@dataclass
class Target:
    """As much of a source as is shown."""

    name: str = "main"
    kind: str = "postgres"
    address: str = "db:5432/app"


@dataclass
class Worker:
    """A worker that has published a reading, or nothing yet."""

    reading: Reading | None
    source: Target = field(default_factory=Target)

    @property
    def published(self) -> Published | None:
        if self.reading is None:
            return None
        snapshot = Holding().absorb(
            self.reading, version=1, began=100.0, taken_at=1000.0, seconds=0.12345, interval=15.0
        )
        return Published(snapshot, {}, {})

    def interval(self, now: float) -> float:
        return 15.0 if now else 0.0

    def scrapers(self, now: float) -> int:
        return 1 if now else 0


@dataclass
class Workers:
    """As much of an exporter as is asked."""

    workers: dict[str, Worker]


def shown(reading: Reading | None) -> dict[str, Any]:
    return status(cast("Exporter", Workers({"main": Worker(reading)})), HeldClock())


GOOD = Outcome("locks", 0.01234, [one(METRIC, 1)])
BAD = Outcome("sizes", 0.5, None, FAULT, clock=300.0)


def test_a_target_that_is_up() -> None:
    """Its age counts from when its numbers began to be read."""
    page = shown(Reading(up=True, outcomes=[GOOD], facts={"version": "PostgreSQL 15.1"}))
    [target] = page["targets"]
    assert page["ok"]
    assert (target["state"], target["age"], target["seconds"], target["series"]) == ("up", 10.0, 0.1235, 1)
    assert target["facts"] == {"version": "PostgreSQL 15.1"}
    assert target["collectors"] == [
        {"name": "locks", "ok": True, "age": 10.0, "seconds": 0.0123, "clock": 0.0, "shown": True}
    ]


def test_a_collector_that_fails() -> None:
    """The target is degraded; what, why and the remedy are told."""
    page = shown(Reading(up=True, outcomes=[GOOD, BAD]))
    [target] = page["targets"]
    assert not page["ok"]
    assert target["state"] == "degraded"
    assert target["faults"] == [
        {"collector": "sizes", "code": "deadline", "what": "no answer in time", "remedy": "Wait."}
    ]


def test_a_target_that_is_down() -> None:
    """One fault, that of the target; those of its collectors would say the same again."""
    page = shown(Reading(up=False, outcomes=[BAD], fault=Fault("unreachable", "connection refused")))
    [target] = page["targets"]
    assert not page["ok"]
    assert target["state"] == "down"
    assert [fault["code"] for fault in target["faults"]] == ["unreachable"]


def test_a_target_that_was_not_read_yet() -> None:
    """It waits; nothing is claimed of it."""
    [target] = shown(None)["targets"]
    assert (target["state"], target["up"], target["age"], target["interval"]) == (
        "waiting",
        False,
        None,
        15.0,
    )
