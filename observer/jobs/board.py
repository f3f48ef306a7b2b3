"""How every job is doing, for pages and metrics."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from observer.errors import ObserverError
    from observer.jobs.job import Job
    from observer.metrics import Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """How a job is doing.

    Args:
        outcome: Of the last run, in words; it begins with ``ok``, ``failed``, ``skipped`` or ``interrupted``.

        running_since: Since when it runs, in seconds since the epoch; None when it does not.

        progress: The last line that the present run said.

        next_at: When it is due again.
    """

    name: str
    target: str
    interval: int
    outcome: str = ""
    ended_at: float | None = None
    seconds: float | None = None
    running_since: float | None = None
    progress: str = ""
    next_at: float | None = None
    fault: ObserverError | None = None


class Board:
    """States of jobs; written by their threads, read by pages."""

    def __init__(self, jobs: Iterable[Job], metrics: Metrics | None = None) -> None:
        self._lock = threading.Lock()
        self._metrics = metrics
        self._states = {
            job.key: JobState(name=job.name, target=job.target, interval=job.interval) for job in jobs
        }
        if metrics is not None:
            # Nobody sees a counter grow that was not there before.
            for state in self._states.values():
                for outcome in ("ok", "failed"):
                    metrics.job_runs.labels(state.name, state.target, outcome)

    def states(self) -> list[JobState]:
        """All of them as they are now."""
        with self._lock:
            return list(self._states.values())

    def remember(self, job: Job, outcome: str, ended_at: float | None) -> None:
        """How the last run before this start went."""
        self._change(job, outcome=outcome, ended_at=ended_at)

    def expect(self, job: Job, at: float) -> None:
        self._change(job, next_at=at)

    def begin(self, job: Job, at: float) -> None:
        self._change(job, running_since=at, progress="")

    def progress(self, job: Job, line: str) -> None:
        self._change(job, progress=line)

    def end(
        self,
        job: Job,
        outcome: str,
        at: float,
        *,
        seconds: float | None = None,
        fault: ObserverError | None = None,
    ) -> None:
        """A run ended, or never began."""
        self._change(
            job, outcome=outcome, ended_at=at, seconds=seconds, running_since=None, progress="", fault=fault
        )
        if self._metrics is None:
            return
        kind = outcome.partition(":")[0]
        self._metrics.job_runs.labels(job.name, job.target, kind).inc()
        if seconds is not None:
            self._metrics.job_seconds.labels(job.name, job.target).observe(seconds)
        if kind == "ok":
            self._metrics.job_success_timestamp.labels(job.name, job.target).set(at)

    def _change(self, job: Job, **changes: object) -> None:
        with self._lock:
            self._states[job.key] = replace(self._states[job.key], **changes)  # type: ignore[arg-type]  # names of its own fields
