"""The scheduled work as the application shows it: started on the store, and as values for pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from observer.errors import ObserverError
from observer.jobs.assembly import build_jobs
from observer.jobs.board import Board
from observer.jobs.scheduler import Scheduler
from observer.store.ticks import Ticks

if TYPE_CHECKING:
    from observer.app.persistence import Persistence
    from observer.clock import Clock
    from observer.config.model import Settings
    from observer.jobs.board import JobState
    from observer.metrics import Metrics
    from observer.store.store import Store


class Schedule:
    """Starts the jobs of these settings once there is a store."""

    def __init__(self, settings: Settings, metrics: Metrics, clock: Clock) -> None:
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._board: Board | None = None

    def start(self, store: Store) -> Scheduler:
        """The running scheduler."""
        jobs = build_jobs(self._settings, store=store, clock=self._clock, metrics=self._metrics)
        board = Board(jobs, self._metrics)
        scheduler = Scheduler(
            jobs=jobs, ticks=Ticks(store=store, clock=self._clock), clock=self._clock, board=board
        )
        scheduler.start()
        self._board = board
        return scheduler

    def states(self) -> list[JobState]:
        """How each job is doing; none before there is a store."""
        return self._board.states() if self._board is not None else []


def schedule_status(
    schedule: Schedule, persistence: Persistence, clock: Clock, *, bound: int
) -> dict[str, Any]:
    """The store and the jobs; ages and durations are in seconds, sizes in bytes."""
    now = clock.now()
    return {
        "store": {
            "path": str(persistence.path),
            "open": persistence.opened is not None,
            "size": _size(persistence),
            "bound": bound,
            "fault": _fault(persistence.fault),
        },
        "jobs": [_job(state, now) for state in schedule.states()],
    }


def _size(persistence: Persistence) -> int | None:
    store = persistence.opened
    if store is None:
        return None
    try:
        return store.size().used
    except ObserverError:
        return None


def _job(state: JobState, now: float) -> dict[str, Any]:
    if state.running_since is not None:
        word = "running"
    elif state.fault is not None:
        word = "failed"
    else:
        word = "ok" if state.outcome else "waiting"
    return {
        "name": state.name,
        "target": state.target,
        "state": word,
        "outcome": state.outcome,
        "age": _since(now, state.ended_at),
        "seconds": round(state.seconds, 3) if state.seconds is not None else None,
        "running": _since(now, state.running_since),
        "progress": state.progress,
        "next_in": round(max(0.0, state.next_at - now), 3) if state.next_at is not None else None,
        "fault": _fault(state.fault),
    }


def _since(now: float, moment: float | None) -> float | None:
    return round(max(0.0, now - moment), 3) if moment is not None else None


def _fault(fault: ObserverError | None) -> dict[str, str] | None:
    if fault is None:
        return None
    return {"code": fault.code, "what": fault.sentence, "remedy": fault.remedy}
