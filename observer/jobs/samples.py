"""The job that keeps the numbers of pg_stat_statements, and notices when an advised index stands."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from observer.advisor.history import StatementHistory
from observer.deadlines import Deadline, cut_off
from observer.errors import DeadlineExceeded, NotAvailable, ObserverError
from observer.jobs.job import Done, Interrupted
from observer.jobs.statements import read_marks, read_standing
from observer.jobs.turns import as_one, in_turn
from observer.reports.advised import AdvisedIndexes, note_built
from observer.reports.changes import bare, standing
from observer.targets.postgres import PostgresSession

if TYPE_CHECKING:
    from collections.abc import Iterator

    from observer.clock import Clock
    from observer.exporter.postgres.databases import Choice, Database
    from observer.jobs.job import Run
    from observer.store.store import Store
    from observer.targets.postgres import PostgresAddress

NAME = "statement-samples"

SECONDS = 10.0
"""Most that one sample takes; and all looks for built indexes in other databases after it."""

LEAST_LOOK = 0.5
"""Seconds below which a look into another database is left to the next sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """What a sample found.

    Args:
        databases: Those that are chosen.

        statements: How many were executed in each since the sample before; None when there was none.
    """

    databases: tuple[Database, ...]
    statements: dict[str, int | None]

    def sentence(self) -> str:
        """In words."""
        known = [count for count in self.statements.values() if count is not None]
        many = len(self.databases)
        where = self.databases[0].name if many == 1 else f"{many} databases"
        if not known:
            return f"first sample of {where}: differences follow from the next one on"
        return f"{sum(known)} statements were executed in {where}"


class StatementSampler:
    """Samples one target, over a connection that lasts no longer than the sample.

    Args:
        target: Its name.

        choice: Which of its databases.
    """

    def __init__(
        self,
        *,
        target: str,
        address: PostgresAddress,
        choice: Choice,
        statement_timeout: float,
        lock_timeout: float,
        store: Store,
        clock: Clock,
    ) -> None:
        self.target = target
        self.address = address
        self._choice = choice
        self._statement_timeout = statement_timeout
        self._lock_timeout = lock_timeout
        self._store = store
        self._clock = clock
        self.history = StatementHistory(store=store)
        self.advised = AdvisedIndexes(store=store, target=target)
        self._connections = threading.Lock()
        self._looked_at: dict[str, float] = {}

    def work(self, run: Run) -> Done:
        """The job."""
        if not self._connections.acquire(blocking=False):
            return Done("left to the next time: the advisor has its connections, and takes a sample itself")
        try:
            return self._work(run)
        finally:
            self._connections.release()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody samples while the advisor has the connections of its role: it may have four in all.

        Raises:
            DeadlineExceeded: A sample that is under way does not end.
        """
        if not self._connections.acquire(timeout=3 * SECONDS):
            raise DeadlineExceeded(f"a sample of {self.target} is still under way")
        try:
            yield
        finally:
            self._connections.release()

    def _work(self, run: Run) -> Done:
        with self.session(run) as (session, deadline):
            sampled = self.sample(session, deadline)
            built = sum(
                self.notice_built(session, one.name, deadline) for one in sampled.databases if one.here
            )
        # That connection is closed by now. Only a database's own catalogue tells which indexes stand in it.
        waiting = [one.name for one in sampled.databases if not one.here and not one.locked]
        waiting = [name for name in in_turn(waiting, self._looked_at) if self.advised.waiting(name)]
        faults: list[tuple[str, ObserverError]] = []
        end = time.monotonic() + SECONDS
        for number, name in enumerate(waiting):
            seconds = (end - time.monotonic()) / (len(waiting) - number)
            if seconds < LEAST_LOOK:
                break
            self._looked_at[name] = self._clock.now()
            try:
                with self.session(run, name, seconds=seconds) as (session, deadline):
                    built += self.notice_built(session, name, deadline)
            except Interrupted:
                raise
            except ObserverError as fault:
                faults.append((name, fault))
        said = f"; {built} advised indexes were built" if built else ""
        return Done(sampled.sentence() + said, as_one(faults))

    @contextmanager
    def session(
        self, run: Run, database: str | None = None, *, seconds: float = SECONDS
    ) -> Iterator[tuple[PostgresSession, Deadline]]:
        """A session that is cut off at its deadline, or when Observer ends.

        Args:
            run: Whose.

            database: With which; None for that of the DSN.

            seconds: How long it lasts at most.
        """
        session = PostgresSession(
            self.address if database is None else self.address.to(database),
            statement_timeout=self._statement_timeout,
            lock_timeout=self._lock_timeout,
        )
        deadline = Deadline(seconds, f"reading statements of {self.target}")
        try:
            with run.stop.aborts(session.abort), cut_off(deadline, session.abort):
                yield session, deadline
        finally:
            session.close()

    def sample(self, session: PostgresSession, deadline: Deadline) -> Sampled:
        """Keep what was counted since the last sample, in all databases that are chosen.

        Args:
            session: With the database of the DSN, which knows the statements of all.

            deadline: By when.

        Raises:
            ObserverError: The server or the store failed, or hides what is needed.
        """
        marks = read_marks(session, self._choice, at=self._clock.now(), deadline=deadline)
        if not marks:
            raise NotAvailable(
                f"no database of {self.target} is chosen",
                remedy="Change databases: {include: [...], exclude: [...]} of this target.",
            )
        statements: dict[str, int | None] = {}
        for database, mark in marks:
            span = self.history.add(self.target, database.name, mark)
            statements[database.name] = len(span.counts) if span is not None else None
        return Sampled(databases=tuple(database for database, _ in marks), statements=statements)

    def notice_built(self, session: PostgresSession, database: str, deadline: Deadline) -> int:
        """Remember which of the advised indexes stand by now; how many newly do.

        Args:
            session: With this database.

            database: Its name.

            deadline: By when.

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
