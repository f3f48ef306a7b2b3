"""A question to one database: when it is due, its last good result, and why it failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from observer.errors import NotAvailable, ObserverError
from observer.exporter.postgres.sqlcollector import SqlResults
from observer.exporter.snapshot import Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observer.deadlines import Deadline
    from observer.exporter.declaration import Family
    from observer.exporter.postgres.sqlcollector import Scope, SqlCollector
    from observer.targets.postgres import PostgresSession, ServerFacts


class Question(Protocol):
    """What can be asked of a database, again and again."""

    @property
    def name(self) -> str:
        """The collector's."""

    @property
    def scope(self) -> Scope:
        """Whether it is asked once for the server or in every database."""

    def fits(self, facts: ServerFacts, *, standby: bool) -> bool:
        """Whether it can be asked here, or must say why it cannot."""

    def ask(self, session: PostgresSession, facts: ServerFacts, deadline: Deadline) -> Sequence[Family]:
        """Ask.

        Raises:
            ObserverError: The server failed, or lacks what the question needs.
        """

    def forget(self) -> None:
        """Compare nothing with the last answer any more."""


class FileQuestion:
    """What a ``.sql`` file asks.

    Args:
        collector: The file's.
        insisted: Whether the settings name the collector: then it is a fault that its extension is missing.
    """

    def __init__(self, collector: SqlCollector, *, insisted: bool) -> None:
        self.name = collector.name
        self.scope = collector.scope
        self._collector = collector
        self._insisted = insisted
        self._results = SqlResults(collector)

    def fits(self, facts: ServerFacts, *, standby: bool) -> bool:
        requires = self._collector.requires
        return requires.met(version=facts.version, standby=standby) and (
            self._insisted or requires.has_extension(facts.extensions)
        )

    def ask(self, session: PostgresSession, facts: ServerFacts, deadline: Deadline) -> Sequence[Family]:
        requires, needed = self._collector.requires, self._collector.requires.extension
        if not requires.has_extension(facts.extensions):
            raise NotAvailable(
                f"the extension {needed} is not installed in database {facts.database},"
                " or not in the version that is needed",
                remedy=f"Run in {facts.database}: CREATE EXTENSION {needed};"
                f" or ALTER EXTENSION {needed} UPDATE;",
            )
        schema = facts.extensions[needed][0] if needed else ""
        names, rows = session.table(self._collector.statement(schema), deadline=deadline)
        return self._results.families(rows, names)

    def forget(self) -> None:
        self._results = SqlResults(self._collector)


class Reader:
    """Asks one question in one database.

    Args:
        question: What is asked.
        clock: Seconds between two readings; 0 for every time.
    """

    def __init__(self, question: Question, *, clock: float) -> None:
        self.question = question
        self.clock = clock
        self.next_at = 0.0
        self.at = float("-inf")
        """When it was read well last, monotonic."""
        self.families: Sequence[Family] = ()
        """The last good result."""

    def read(
        self, session: PostgresSession, facts: ServerFacts, *, now: float, deadline: Deadline
    ) -> Fault | None:
        """Ask, and keep the result; why it failed. After a failure it is due at once."""
        try:
            self.families = self.question.ask(session, facts, deadline)
        except ObserverError as error:
            self.next_at = 0.0
            return Fault(error.code, f"{self.question.name}: {error.sentence}", error.remedy)
        self.at, self.next_at = now, now + self.clock
        return None

    def forget(self) -> None:
        """Its result is too old to be shown, or it is for another kind of server."""
        self.families, self.next_at = (), 0.0
        self.question.forget()
