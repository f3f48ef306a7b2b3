"""Ticks of jobs: whoever claims a job's tick first runs it, and it runs once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, Float, MetaData, Table, Text, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from observer.store.retention import Rule

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from observer.clock import Clock
    from observer.store.store import Store

DAY = 86_400.0

job_tick = Table(
    "job_tick",
    MetaData(),
    Column("job", Text, primary_key=True),
    Column("tick", BigInteger, primary_key=True),
    Column("claimed_at", Float, nullable=False),
    Column("finished_at", Float),
    Column("outcome", Text),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One run of a job. ``outcome`` is None while it runs, and for ever when the process died in it."""

    job: str
    tick: int
    claimed_at: float
    finished_at: float | None
    outcome: str | None


class Ticks:
    """The ticks that were claimed. A tick is the Unix time in seconds at which the run was due."""

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def claim(self, job: str, tick: int) -> bool:
        """True for exactly one of all who ask for this job and tick, over restarts too."""
        now = self._clock.now()
        row = {"job": job, "tick": tick, "claimed_at": now}
        statement = insert(job_tick).values(row).on_conflict_do_nothing()
        return self._store.write(lambda connection: connection.execute(statement).rowcount == 1)

    def finish(self, job: str, tick: int, outcome: str) -> None:
        """Record how a claimed run ended."""
        statement = (
            update(job_tick)
            .where(job_tick.c.job == job, job_tick.c.tick == tick)
            .values(finished_at=self._clock.now(), outcome=outcome)
        )
        self._store.write(lambda connection: connection.execute(statement).rowcount)

    def last(self, job: str) -> Tick | None:
        """The latest claimed tick of a job: what a catch-up at start counts from."""
        statement = select(job_tick).where(job_tick.c.job == job).order_by(job_tick.c.tick.desc()).limit(1)
        with self._store.read() as connection:
            row = connection.execute(statement).mappings().first()
        return None if row is None else Tick(**row)


def _prune(connection: Connection, before: float) -> int:
    return connection.execute(delete(job_tick).where(job_tick.c.claimed_at < before)).rowcount


RULE = Rule(name="job ticks", keep=90 * DAY, floor=7 * DAY, prune=_prune)
