"""Runs jobs when they are due: APScheduler gives the moments, the store decides who runs a tick."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog
from apscheduler.events import EVENT_JOB_MAX_INSTANCES
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import STATE_STOPPED
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from observer.errors import ObserverError
from observer.jobs.calendar import INTERRUPTED, due, following, plan_start
from observer.jobs.job import Interrupted, Run, RunStop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from apscheduler.events import JobSubmissionEvent

    from observer.clock import Clock
    from observer.jobs.board import Board
    from observer.jobs.job import Job
    from observer.store.ticks import Ticks

STOP_SECONDS = 5.0
SHORT_THREADS = 3

_log = structlog.get_logger(__name__)


class QuietlyEnding(BackgroundScheduler):  # type: ignore[misc]  # APScheduler has no types
    """APScheduler 3.11 calls itself stopped before it waits for its loop to pause.

    A loop that has just submitted a job would then look for it in the wrong place, to take it off, and die
    with a traceback.
    """

    def remove_job(self, job_id: str, jobstore: str | None = None) -> None:
        """Take a job off; once stopped, there is none to take off."""
        try:
            super().remove_job(job_id, jobstore)
        except JobLookupError:
            if self.state != STATE_STOPPED:
                raise


class Scheduler:
    """Runs each tick of each job once, whoever else has the same jobs over the same store.

    APScheduler's own job store holds nothing that must be kept: it may not be shared between schedulers, and
    it would skip what is late by a second. What ran is read from the ticks that were claimed.

    Args:
        jobs: Known at the start; there are no others later.

        ticks: Where ticks are claimed.

        board: Told how every job does.
    """

    def __init__(self, *, jobs: Sequence[Job], ticks: Ticks, clock: Clock, board: Board) -> None:
        self._jobs = {job.key: job for job in jobs}
        self._ticks = ticks
        self._clock = clock
        self._board = board
        self._stop = RunStop()
        self._busy = {job.key: threading.Lock() for job in jobs}
        self._idle = threading.Condition()
        self._running = 0
        self._began = 0.0
        self._scheduler = QuietlyEnding(
            jobstores={"default": MemoryJobStore()},
            executors={"short": ThreadPoolExecutor(SHORT_THREADS), "children": ThreadPoolExecutor(1)},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
            timezone=UTC,
        )

    def start(self) -> None:
        """Make up for what was missed, then run what becomes due."""
        self._scheduler.add_listener(self._overrun, EVENT_JOB_MAX_INSTANCES)
        self._began = self._clock.now()
        for job in self._jobs.values():
            first = following(self._clock.now(), job.interval)
            self._scheduler.add_job(
                self._due,
                IntervalTrigger(seconds=job.interval, start_date=_moment(first), timezone=UTC),
                args=(job,),
                id=job.key,
                executor=job.pool,
            )
            self._board.expect(job, first)
            self._at(self._clock.now(), self._catch_up, job)
        self._scheduler.start()

    def stop(self, seconds: float = STOP_SECONDS) -> bool:
        """Start nothing more, abort what is under way and end children.

        Returns:
            Whether all of it ended within ``seconds``.
        """
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        self._stop.ask()
        with self._idle:
            return self._idle.wait_for(lambda: self._running == 0, timeout=seconds)

    def _at(self, moment: float, work: object, *arguments: object, pool: str = "short") -> None:
        self._scheduler.add_job(work, DateTrigger(_moment(moment), timezone=UTC), arguments, executor=pool)

    def _catch_up(self, job: Job) -> None:
        """Do what a start has to make up for; later again, where a run may be under way elsewhere."""
        if self._stop.asked:
            return
        try:
            last = self._ticks.last(job.key)
            now = self._clock.now()
            plan = plan_start(last, now, job.interval, patience=job.patience, delay=job.delay)
            if last is not None and last.outcome is not None:
                self._board.remember(job, last.outcome, last.finished_at)
            for tick in plan.skipped:
                if self._ticks.claim(job.key, tick):
                    self._ticks.finish(job.key, tick, "skipped: Observer did not run then")
        except ObserverError as fault:
            self._failed(job, fault, None)
            return
        if plan.skipped:
            _log.warning("job.missed", job=job.key, ticks=len(plan.skipped))
        if plan.look_again_at is not None:
            self._at(plan.look_again_at, self._catch_up, job)
        if plan.tick is not None:
            self._board.expect(job, plan.at)
            self._at(plan.at, self._attempt, job, plan.tick, pool=job.pool)

    def _due(self, job: Job) -> None:
        now = self._clock.now()
        try:
            # The first run ever is planned by `_catch_up`, for the end of the delay.
            if now < self._began + job.delay and self._ticks.last(job.key) is None:
                return
        except ObserverError as fault:
            self._failed(job, fault, None)
            return
        self._attempt(job, due(now, job.interval))

    def _attempt(self, job: Job, tick: int) -> None:
        """Run a tick, unless somebody else has it."""
        with self._idle:
            if self._stop.asked:
                return
            self._running += 1
        try:
            self._board.expect(job, following(self._clock.now(), job.interval))
            if not self._busy[job.key].acquire(blocking=False):
                self._skip(job, tick)
                return
            try:
                if self._ticks.claim(job.key, tick):
                    self._run(job, tick)
            finally:
                self._busy[job.key].release()
        except ObserverError as fault:
            self._failed(job, fault, None)
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    def _run(self, job: Job, tick: int) -> None:
        began = time.monotonic()
        self._board.begin(job, self._clock.now())
        run = Run(tick=tick, stop=self._stop, say=lambda line: self._board.progress(job, line))
        fault: ObserverError | None
        try:
            done = job.work(run)
        except Interrupted as stopped:
            outcome, fault = f"{INTERRUPTED}: {stopped.sentence}", None
        except ObserverError as known:
            outcome, fault = f"failed: {known.sentence}", known
        except Exception as unknown:  # noqa: BLE001 - a fault of ours must not end the schedule
            _log.exception("job.crashed", job=job.key)
            fault = ObserverError(f"an error within Observer: {type(unknown).__name__}: {unknown}")
            outcome = f"failed: {fault.sentence}"
        else:
            fault = done.fault
            outcome = f"ok: {done.sentence}" if fault is None else f"failed: {fault.sentence}"
        if self._stop.asked and fault is not None:
            # What was under way was cut off by us; what it says of that is nobody's fault.
            outcome, fault = f"{INTERRUPTED}: Observer was ended", None
        seconds = time.monotonic() - began
        if fault is not None:
            _log.error("job.failed", job=job.key, reason=fault.sentence, remedy=fault.remedy)
        else:
            _log.info("job.done", job=job.key, outcome=outcome, seconds=round(seconds, 3))
        self._board.end(job, outcome, self._clock.now(), seconds=seconds, fault=fault)
        self._ticks.finish(job.key, tick, outcome)

    def _skip(self, job: Job, tick: int) -> None:
        if self._ticks.claim(job.key, tick):
            _log.warning("job.overrun", job=job.key)
            self._ticks.finish(job.key, tick, "skipped: the run before it was still under way")

    def _overrun(self, event: JobSubmissionEvent) -> None:
        """APScheduler starts no second run of a job; what it leaves out is noted."""
        job = self._jobs.get(event.job_id)
        if job is not None and not self._stop.asked:
            try:
                self._skip(job, due(self._clock.now(), job.interval))
            except ObserverError as fault:
                _log.error("job.unnoted", job=job.key, reason=fault.sentence)

    def _failed(self, job: Job, fault: ObserverError, seconds: float | None) -> None:
        _log.error("job.failed", job=job.key, reason=fault.sentence, remedy=fault.remedy)
        self._board.end(job, f"failed: {fault.sentence}", self._clock.now(), seconds=seconds, fault=fault)


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
