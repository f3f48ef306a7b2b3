"""A SQL collector in one database: when it is due, its last good result, and why it failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.errors import NotAvailable, ObserverError
from observer.exporter.postgres.sqlcollector import SqlCollector, SqlResults
from observer.exporter.snapshot import Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observer.deadlines import Deadline
    from observer.exporter.declaration import Family
    from observer.targets.postgres import PostgresSession, ServerFacts


class SqlReader:
    """Runs one collector in one database.

    Args:
        collector: What is asked.
        clock: Seconds between two readings; 0 for every time.
        insisted: Whether the settings name the collector: then it is a fault that its extension is missing.
    """

    def __init__(self, collector: SqlCollector, *, clock: float, insisted: bool) -> None:
        self.collector = collector
        self.clock = clock
        self.next_at = 0.0
        self.at = float("-inf")
        """When it was read well last, monotonic."""
        self.families: Sequence[Family] = ()
        """The last good result."""
        self._insisted = insisted
        self._results = SqlResults(collector)

    def fits(self, facts: ServerFacts, *, standby: bool) -> bool:
        """Whether it can run here, or must say why it cannot."""
        requires = self.collector.requires
        return requires.met(version=facts.version, standby=standby) and (
            self._insisted or requires.has_extension(facts.extensions)
        )

    def query(self, session: PostgresSession, facts: ServerFacts, deadline: Deadline) -> Sequence[Family]:
        """Ask.

        Raises:
            ObserverError: The server failed, or lacks what the collector needs.
        """
        requires, needed = self.collector.requires, self.collector.requires.extension
        if not requires.has_extension(facts.extensions):
            raise NotAvailable(
                f"the extension {needed} is not installed in database {facts.database},"
                " or not in the version that is needed",
                remedy=f"Run in {facts.database}: CREATE EXTENSION {needed};"
                f" or ALTER EXTENSION {needed} UPDATE;",
            )
        schema = facts.extensions[needed][0] if needed else ""
        names, rows = session.table(self.collector.statement(schema), deadline=deadline)
        return self._results.families(rows, names)

    def read(
        self, session: PostgresSession, facts: ServerFacts, *, now: float, deadline: Deadline
    ) -> Fault | None:
        """Ask, and keep the result; why it failed. After a failure it is due at once."""
        try:
            self.families = self.query(session, facts, deadline)
        except ObserverError as error:
            self.next_at = 0.0
            return Fault(error.code, f"{self.collector.name}: {error.sentence}", error.remedy)
        self.at, self.next_at = now, now + self.clock
        return None

    def forget(self) -> None:
        """Its result is too old to be shown, or it is for another kind of server."""
        self.families, self.next_at = (), 0.0
        self._results = SqlResults(self.collector)
