"""What is noted of collections: the same fault once, and once when it is over."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest
from structlog.testing import capture_logs

from observer.exporter.recorder import Recorder
from observer.exporter.snapshot import CollectorState, Fault, Snapshot
from observer.metrics import Metrics

if TYPE_CHECKING:
    from observer.exporter.snapshot import Source

LOCKED = Fault("deadline", "canceling statement due to lock timeout, waited 100 ms", "Wait.")
DOWN = Fault("unreachable", "connection refused")


class Named:
    """As much of a source as is written down of it."""

    kind = "postgres"

    def __init__(self, name: str) -> None:
        self.name = name


class Noted:
    """A recorder, and what it logged."""

    def __init__(self) -> None:
        self.metrics = Metrics.make()
        self.recorder = Recorder(self.metrics)

    def after(
        self,
        fault: Fault | None = None,
        *,
        down: bool = False,
        ran: bool = True,
        name: str = "main",
        collector: str = "sizes",
        dropped: int = 0,
    ) -> list[str]:
        state = CollectorState(
            collector, fault is None, 0.1, None if fault else 5.0, fault, 0.0, fault is None, ran
        )
        snapshot = Snapshot(
            version=1,
            up=not down,
            began=1.0,
            taken_at=1000.0,
            seconds=0.1,
            families=(),
            collectors=(state,),
            facts={},
            fault=DOWN if down else None,
            dropped={"pg_many": dropped} if dropped else {},
            connections=0 if down else 2,
        )
        with capture_logs() as lines:
            self.recorder.collected(cast("Source", Named(name)), snapshot)
        return [f"{line['event']} {line.get('collector', '')}".strip() for line in lines]

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, {"kind": "postgres", "target": "main", **labels})

    def errors(self, collector: str, reason: str) -> float | None:
        labels = {"kind": "postgres", "target": "main", "collector": collector, "reason": reason}
        return self.metrics.registry.get_sample_value("observer_collector_errors_total", labels)


@pytest.fixture
def noted() -> Noted:
    return Noted()


def test_a_fault_is_logged_once_and_once_when_it_is_over(noted: Noted) -> None:
    """A fault that lasts for hours is two lines."""
    lines = [noted.after(), noted.after(LOCKED), noted.after(LOCKED), noted.after(), noted.after()]
    assert lines == [[], ["fault sizes"], [], ["fault.over sizes"], []]


def test_another_reason_is_another_fault(noted: Noted) -> None:
    """That a collector now fails for something else is news."""
    noted.after(LOCKED)
    assert noted.after(replace(LOCKED, code="permission")) == ["fault sizes"]


def test_numbers_in_a_sentence_are_no_news(noted: Noted) -> None:
    """Two sentences that differ in how long was waited are one fault."""
    noted.after(LOCKED)
    assert noted.after(replace(LOCKED, sentence=LOCKED.sentence.replace("100", "101"))) == []


def test_a_target_that_is_down_says_nothing_of_its_collectors(noted: Noted) -> None:
    """Their faults are not over because nobody can look."""
    noted.after(LOCKED)
    assert noted.after(LOCKED, down=True) == ["fault"]
    assert noted.after(LOCKED, down=True) == []
    assert noted.after(LOCKED) == ["fault.over"]
    assert noted.after() == ["fault.over sizes"]


def test_targets_have_faults_of_their_own(noted: Noted) -> None:
    """One target's recovery is not another's."""
    noted.after(LOCKED, name="one")
    noted.after(LOCKED, name="other")
    assert noted.after(name="one") == ["fault.over sizes"]
    assert noted.after(LOCKED, name="other") == []


def test_every_failure_is_counted_where_it_happened(noted: Noted) -> None:
    """A collector that failed and waits for its clock does not fail again with every collection."""
    noted.after(LOCKED)
    noted.after(LOCKED, ran=False)
    assert noted.errors("sizes", "deadline") == 1
    noted.after(LOCKED)
    assert noted.errors("sizes", "deadline") == 2
    noted.after(LOCKED, down=True)
    assert noted.errors("", "unreachable") == 1
    assert noted.errors("sizes", "deadline") == 2


def test_each_collector_has_its_state(noted: Noted) -> None:
    """Whether it succeeded, how long it took, when; one that runs no more has none."""
    noted.after()
    assert noted.value("observer_collector_up", collector="sizes") == 1
    assert noted.value("observer_collector_duration_seconds", collector="sizes") == 0.1
    assert noted.value("observer_target_connections") == 2
    noted.after(LOCKED)
    assert noted.value("observer_collector_up", collector="sizes") == 0
    assert noted.value("observer_collector_last_success_timestamp_seconds", collector="sizes") is None
    noted.after(down=True)
    assert noted.value("observer_target_connections") == 0
    noted.after(collector="other")
    assert noted.value("observer_collector_up", collector="sizes") is None
    assert noted.value("observer_collector_up", collector="other") == 1


def test_what_is_left_out_is_counted_and_told_once(noted: Noted) -> None:
    """As long as there is too much of a metric its series is there; it is logged when it begins."""
    assert noted.after(dropped=5) == ["series.dropped"]
    assert noted.value("observer_series_dropped", metric="pg_many") == 5
    assert noted.after(dropped=7) == []
    assert noted.value("observer_series_dropped", metric="pg_many") == 7
    assert noted.after() == []
    assert noted.value("observer_series_dropped", metric="pg_many") is None
