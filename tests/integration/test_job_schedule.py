"""The scheduler over a real store: each tick once, what was missed, what fails."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from apscheduler.jobstores.base import JobLookupError
from sqlalchemy import select

from observer.clock import SystemClock
from observer.errors import NotAvailable
from observer.jobs.board import Board
from observer.jobs.calendar import due
from observer.jobs.job import Done, Job, Run
from observer.jobs.scheduler import QuietlyEnding, Scheduler
from observer.metrics import Metrics
from observer.store.store import Store
from observer.store.ticks import Ticks, job_tick
from tests.conditions import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HOUR = 3_600


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "observer.db")
    yield store
    store.close()


class Ran:
    """Work that notes which ticks it ran."""

    def __init__(self) -> None:
        self.ticks: list[int] = []
        self._lock = threading.Lock()

    def work(self, run: Run) -> Done:
        with self._lock:
            self.ticks.append(run.tick)
        return Done("noted")


def scheduler(store: Store, *jobs: Job, metrics: Metrics | None = None) -> tuple[Scheduler, Board]:
    clock = SystemClock()
    board = Board(jobs, metrics)
    return Scheduler(jobs=jobs, ticks=Ticks(store=store, clock=clock), clock=clock, board=board), board


def job(
    work: Callable[[Run], Done],
    *,
    name: str = "job",
    interval: int = 1,
    patience: float = 60,
    delay: float = 0,
) -> Job:
    return Job(name=name, target="", interval=interval, work=work, patience=patience, delay=delay)


def outcomes(store: Store, name: str = "job") -> dict[int, str | None]:
    with store.read() as connection:
        rows = connection.execute(select(job_tick).where(job_tick.c.job == name)).all()
    return {row.tick: row.outcome for row in rows}


def test_a_loop_that_is_overtaken_by_the_end_does_not_die_of_it() -> None:
    """A job that nobody has is an error for as long as the scheduler runs, and none once it is stopped."""
    one = QuietlyEnding()
    one.start()
    with pytest.raises(JobLookupError):
        one.remove_job("unknown")
    one.shutdown()
    one.remove_job("unknown")


def test_several_schedulers_over_one_store_run_each_tick_once(store: Store) -> None:
    """Whoever claims it first; the others leave it alone."""
    ran = Ran()
    three = [scheduler(store, job(ran.work))[0] for _ in range(3)]
    for one in three:
        one.start()
    wait_for(lambda: len(ran.ticks) >= 4, "four ticks")
    ended = [one.stop() for one in three]
    assert ended == [True, True, True]
    assert len(ran.ticks) == len(set(ran.ticks))
    assert set(outcomes(store).values()) == {"ok: noted"}
    assert set(outcomes(store)) == set(ran.ticks)


def test_a_start_runs_the_newest_missed_tick_and_notes_the_others(store: Store) -> None:
    """Catch-up is counted from the store, which remembers what APScheduler cannot."""
    clock, ran = SystemClock(), Ran()
    newest = due(clock.now(), HOUR)
    ticks = Ticks(store=store, clock=clock)
    ticks.claim("job", newest - 3 * HOUR)
    ticks.finish("job", newest - 3 * HOUR, "ok: long ago")
    one, _ = scheduler(store, job(ran.work, interval=HOUR))
    one.start()
    wait_for(lambda: ran.ticks == [newest] and outcomes(store).get(newest) == "ok: noted", "the newest tick")
    one.stop()
    skipped = "skipped: Observer did not run then"
    assert outcomes(store) == {
        newest - 3 * HOUR: "ok: long ago",
        newest - 2 * HOUR: skipped,
        newest - HOUR: skipped,
        newest: "ok: noted",
    }


def test_the_first_run_ever_waits_for_its_delay(store: Store) -> None:
    """Ticks that are due before its end are none; once the job has run, a start waits no more."""
    clock, ran = SystemClock(), Ran()
    at: list[float] = []

    def work(run: Run) -> Done:
        at.append(clock.now())
        return ran.work(run)

    began = clock.now()
    one, board = scheduler(store, job(work, delay=3.5))
    one.start()
    wait_for(lambda: (board.states()[0].next_at or 0) >= began + 3.5, "the end of the delay is told of")
    wait_for(lambda: len(at) >= 2, "two runs")
    one.stop()
    assert at[0] >= began + 3.5
    assert min(outcomes(store)) == ran.ticks[0] >= began + 2
    count = len(ran.ticks)
    again, _ = scheduler(store, job(ran.work, delay=3_600))
    again.start()
    wait_for(lambda: len(ran.ticks) > count, "the next run")
    again.stop()


def test_a_restart_runs_nothing_again(store: Store) -> None:
    """The tick at hand has run; a second start leaves it."""
    ran = Ran()
    for _ in range(2):
        one, board = scheduler(store, job(ran.work, interval=HOUR))
        one.start()
        wait_for(lambda board=board: board.states()[0].outcome == "ok: noted", "the outcome of the last run")
        one.stop()
    assert len(ran.ticks) == 1


def test_a_run_that_died_with_its_process_is_repeated(store: Store) -> None:
    """Claimed and never finished, once it is older than a run can take."""
    clock, ran = SystemClock(), Ran()
    newest = due(clock.now(), HOUR)
    Ticks(store=store, clock=clock).claim("job", newest)
    one, _ = scheduler(store, job(ran.work, interval=HOUR, patience=1.0))
    one.start()
    wait_for(lambda: len(ran.ticks) == 1, "the repetition")
    one.stop()
    assert ran.ticks[0] > newest


def test_a_failing_job_shows_and_stops_no_other(store: Store) -> None:
    """Known faults keep their remedy; crashes are told as ours; the schedule goes on."""
    ran, metrics = Ran(), Metrics.make()

    def lacks(_: Run) -> Done:
        raise NotAvailable("it lacks an extension", remedy="CREATE EXTENSION it;")

    def crashes(_: Run) -> Done:
        raise ZeroDivisionError("oops")

    one, board = scheduler(
        store, job(lacks, name="lacks"), job(crashes, name="crashes"), job(ran.work), metrics=metrics
    )
    one.start()
    wait_for(lambda: len(ran.ticks) >= 3 and len(outcomes(store, "crashes")) >= 3, "three ticks of each")
    states = {state.name: state for state in board.states()}
    one.stop()
    fault = states["lacks"].fault
    assert fault is not None
    assert (fault.code, fault.remedy) == ("not-available", "CREATE EXTENSION it;")
    assert states["crashes"].outcome == "failed: an error within Observer: ZeroDivisionError: oops"
    assert states["job"].fault is None
    assert "failed: it lacks an extension" in outcomes(store, "lacks").values()
    page = metrics.exposition().decode()
    assert 'observer_job_runs_total{name="lacks",outcome="failed",target=""}' in page
    assert 'observer_job_last_success_timestamp_seconds{name="job",target=""}' in page
    assert 'observer_job_last_success_timestamp_seconds{name="lacks"' not in page


def test_a_tick_that_comes_while_the_job_runs_is_noted_as_skipped(store: Store) -> None:
    """Never two runs of a job at once."""
    hold, began = threading.Event(), threading.Event()

    def slow(_: Run) -> Done:
        began.set()
        hold.wait(20)
        return Done("slow")

    one, _ = scheduler(store, job(slow))
    one.start()
    assert began.wait(20)
    wait_for(lambda: any((o or "").startswith("skipped") for o in outcomes(store).values()), "a skipped tick")
    hold.set()
    assert one.stop()
    assert list(outcomes(store).values()).count("ok: slow") >= 1


def test_an_end_aborts_what_is_under_way_within_its_bound(store: Store) -> None:
    """And the store remembers that it was interrupted, so that the next start repeats it."""
    began, aborted = threading.Event(), threading.Event()

    def endless(run: Run) -> Done:
        with run.stop.aborts(aborted.set):
            began.set()
            aborted.wait(20)
            raise NotAvailable("the connection was cut off")

    one, _ = scheduler(store, job(endless, interval=HOUR))
    one.start()
    assert began.wait(20)
    assert one.stop(10.0)
    assert list(outcomes(store).values()) == ["interrupted: Observer was ended"]
