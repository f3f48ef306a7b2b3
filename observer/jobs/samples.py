"""The job that keeps the numbers of pg_stat_statements, and notices when an advised index stands."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from observer.advisor.history import StatementHistory
from observer.deadlines import Deadline, cut_off
from observer.jobs.job import Done
from observer.jobs.statements import read_mark, read_standing
from observer.reports.advised import AdvisedIndexes, note_built
from observer.reports.changes import bare, standing
from observer.targets.postgres import PostgresSession

if TYPE_CHECKING:
    from collections.abc import Iterator

    from observer.clock import Clock
    from observer.jobs.job import Run
    from observer.store.store import Store
    from observer.targets.postgres import PostgresAddress

NAME = "statement-samples"

SECONDS = 10.0
"""Most that one sample takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """What a sample found.

    Args:
        statements: How many were executed since the sample before; None when there was none.

        built: Advised indexes that are newly seen to stand.
    """

    database: str
    statements: int | None
    built: int


class StatementSampler:
    """Samples one target, over a connection that lasts no longer than the sample.

    Args:
        target: Its name.
    """

    def __init__(
        self,
        *,
        target: str,
        address: PostgresAddress,
        statement_timeout: float,
        lock_timeout: float,
        store: Store,
        clock: Clock,
    ) -> None:
        self.target = target
        self.address = address
        self._statement_timeout = statement_timeout
        self._lock_timeout = lock_timeout
        self._store = store
        self._clock = clock
        self.history = StatementHistory(store=store)
        self.advised = AdvisedIndexes(store=store, target=target)

    def work(self, run: Run) -> Done:
        """The job."""
        with self.session(run) as (session, deadline):
            sampled = self.sample(session, deadline)
        if sampled.statements is None:
            said = f"first sample of {sampled.database}: differences follow from the next one on"
        else:
            said = f"{sampled.statements} statements were executed in {sampled.database}"
        return Done(said + (f"; {sampled.built} advised indexes were built" if sampled.built else ""))

    @contextmanager
    def session(self, run: Run) -> Iterator[tuple[PostgresSession, Deadline]]:
        """A session that is cut off at its deadline, or when Observer ends."""
        session = PostgresSession(
            self.address, statement_timeout=self._statement_timeout, lock_timeout=self._lock_timeout
        )
        deadline = Deadline(SECONDS, f"reading statements of {self.target}")
        try:
            with run.stop.aborts(session.abort), cut_off(deadline, session.abort):
                yield session, deadline
        finally:
            session.close()

    def sample(self, session: PostgresSession, deadline: Deadline) -> Sampled:
        """Keep what was counted since the last sample.

        Raises:
            ObserverError: The server or the store failed, or hides what is needed.
        """
        database, mark = read_mark(session, at=self._clock.now(), deadline=deadline)
        span = self.history.add(self.target, database, mark)
        built = self.notice_built(session, database, deadline)
        return Sampled(
            database=database, statements=len(span.counts) if span is not None else None, built=built
        )

    def notice_built(self, session: PostgresSession, database: str, deadline: Deadline) -> int:
        """Remember which of the advised indexes stand by now; how many newly do.

        Raises:
            ObserverError: The server or the store failed.
        """
        waiting = self.advised.waiting(database)
        if not waiting:
            return 0
        relations = sorted({bare(index.relation)[1] for index in waiting})
        stand = standing(waiting, read_standing(session, relations, deadline=deadline))
        if not stand:
            return 0
        now = self._clock.now()
        return self._store.write(lambda connection: note_built(connection, self.target, database, stand, now))
