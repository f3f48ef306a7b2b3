"""Asks an entry of ``queries.yaml``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.exporter.postgres.custom.results import families

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observer.deadlines import Deadline
    from observer.exporter.declaration import Family
    from observer.exporter.postgres.custom.entry import Entry
    from observer.exporter.postgres.sqlcollector import Scope
    from observer.targets.postgres import PostgresSession, ServerFacts

SEARCH_PATH = '"$user", public, pg_catalog'
"""As the server has it by default: entries name pg_stat_statements and tables without their schemas."""


class EntryQuestion:
    """An entry as a question to one database."""

    def __init__(self, entry: Entry) -> None:
        self.name = entry.name
        self.scope: Scope = "database" if entry.everywhere else "server"
        self._entry = entry

    def fits(self, facts: ServerFacts, *, standby: bool) -> bool:
        """Whether it is for servers of this version, be they primary or standby."""
        del standby
        return self._entry.versions.holds(facts.version)

    def ask(self, session: PostgresSession, facts: ServerFacts, deadline: Deadline) -> Sequence[Family]:
        names, rows = session.table(
            self._entry.query,
            deadline=deadline,
            search_path=SEARCH_PATH,
        )
        return families(self._entry, names, rows, version=facts.version)

    def forget(self) -> None:
        """Nothing is kept."""
