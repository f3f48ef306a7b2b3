"""A store full of everything that Observer keeps: held to its bound, with what is needed spared."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from observer.advisor.counts import Counts, Mark
from observer.advisor.history import StatementHistory
from observer.incidents import intake, ledger
from observer.incidents.look import Look
from observer.incidents.model import Alert, Notice
from observer.jobs.upkeep import RULES, StoreUpkeep
from observer.metrics import Metrics
from observer.reports.kept import INDEXES, Reports, keep
from observer.store.retention import Retention
from observer.store.store import Store
from observer.store.ticks import job_tick

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection

DAY = 86_400.0
NOW = 1_800_000_000.0
BOUND = 1_500_000


class HeldClock:
    def now(self) -> float:
        return NOW

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Store]:
    """Four months of statements, incidents, reports and ticks: several times the bound."""
    store = Store(tmp_path / "observer.db")
    history = StatementHistory(store=store)
    for number in range(120):
        at = NOW - 120 * DAY + (number + 1) * DAY
        entries = {(10, n, True): Counts(number * n + number, n * 1.7 * number, n) for n in range(1, 150)}
        history.add("main", "app", Mark(at=at, epoch="e", entries=entries))
    store.write(_fill)
    yield store
    store.close()


def _fill(connection: Connection) -> None:
    for number in range(120):
        keep(
            connection,
            kind=INDEXES,
            target="main",
            made_at=NOW - (120 - number) * DAY,
            headline=f"Report {number}",
            document={"filler": "x" * 20_000},
            changes={},
        )
        alert = Alert(
            fingerprint=f"{number:x}",
            firing=True,
            labels={"alertname": f"Alert{number}"},
            annotations={"description": "x" * 5_000},
            starts_at=NOW - (120 - number) * DAY,
            ends_at=None,
            generator_url="",
        )
        notice = Notice(
            group_key=f"g{number}",
            receiver="r",
            external_url="",
            group_labels={},
            truncated=0,
            alerts=(alert,),
        )
        intake.accept(connection, notice, Look(), now=alert.starts_at)
        if number:  # the oldest of all still fires
            over = replace(alert, firing=False, ends_at=alert.starts_at + 60)
            intake.accept(connection, replace(notice, alerts=(over,)), Look(), now=alert.starts_at + 60)
        connection.execute(job_tick.insert().values(job="j", tick=number, claimed_at=alert.starts_at))
    connection.exec_driver_sql("UPDATE delivery SET state = 'delivered'")


def test_a_full_store_is_brought_under_its_bound(full: Store) -> None:
    """The file shrinks below the bound and says so; the newest of all, and what still fires, stay."""
    before = full.size()
    assert before.used > 2 * BOUND
    metrics = Metrics.make()
    done = StoreUpkeep(store=full, bound=BOUND, clock=HeldClock(), metrics=metrics).work(None)  # type: ignore[arg-type]  # asks nothing of its run
    after = full.size()
    assert done.fault is None
    assert after.used <= BOUND
    assert after.file < before.file / 2
    for name, wanted in (("size", after.used), ("bound", BOUND)):
        assert metrics.registry.get_sample_value(f"observer_store_{name}_bytes") == pytest.approx(
            wanted, rel=0.1
        )
    newest = Reports(store=full).newest(INDEXES, "main")
    assert newest is not None
    assert newest.headline == "Report 119"
    with full.read() as connection:
        [oldest] = ledger.unsettled(connection)
    assert "Alert0" in str(oldest.members)
    history = StatementHistory(store=full)
    recent = history.since("main", "app", NOW - 3 * DAY)
    assert recent is not None
    assert recent.ended == NOW
    assert len(recent.counts) == 149

    # Below what must be kept nothing more is removed, and the job tells to raise the bound.
    Retention(store=full, rules=RULES, bound=1).run(NOW)
    used = full.size().used
    done = StoreUpkeep(store=full, bound=1000, clock=HeldClock(), metrics=Metrics.make()).work(None)  # type: ignore[arg-type]  # asks nothing of its run
    assert done.fault is not None
    assert "store.size" in done.fault.remedy
    assert full.size().used == used
    assert Reports(store=full).newest(INDEXES, "main") is not None
