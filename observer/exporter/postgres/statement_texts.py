"""Texts of statements: fetched rarely, only for those on the page that have none yet, redacted at once.

Reading one text makes the server read them all, so it is done at most once a minute, and much more rarely
when it fails: the file of texts can be huge, or hold bytes that no encoding knows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from psycopg import sql

from observer.exporter.declaration import Family, MetricDeclaration, label_body
from observer.exporter.postgres.statements import extension
from observer.redact import cut, redact_statement

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from observer.exporter.snapshot import CollectionOrder
    from observer.targets.postgres import PostgresSession, ServerFacts

NAME = "stat_statements_texts"

INTERVAL = 60.0
"""Least seconds between two fetches."""

INTERVAL_AFTER_FAILURE = 600.0
"""Least seconds between a fetch that failed and the next one."""

QUERY_ID = MetricDeclaration(
    "pg_stat_statements_query_id",
    "counter",
    "The redacted text of a statement that has series of its own; always 1.",
    "postgres",
    ("queryid", "query"),
    NAME,
)


@dataclass(slots=True)
class StatementTexts:
    """The redacted texts of the statements on the page.

    Args:
        length: Characters of a text on the page.
    """

    length: int
    texts: dict[int, str] = field(default_factory=dict)
    _not_before: float = 0.0
    _failed: bool = False

    def collect(
        self,
        session: PostgresSession,
        facts: ServerFacts,
        order: CollectionOrder,
        queryids: AbstractSet[int],
    ) -> list[Family] | None:
        """The family of texts; ``None`` after a failure, until it is time to try again.

        Raises:
            ObserverError: The server failed. The next attempt is a while away.
        """
        missing = [queryid for queryid in queryids if queryid not in self.texts]
        due = order.now >= self._not_before
        if self._failed and not due:
            return None
        if missing and due:
            self._not_before, self._failed = order.now + INTERVAL_AFTER_FAILURE, True
            schema, _ = extension(facts)
            query = sql.SQL(
                "SELECT queryid, pg_catalog.left(query, 20000) FROM {}.pg_stat_statements(true)"
                " WHERE queryid = ANY(%s)",
            ).format(sql.Identifier(schema))
            for queryid, text in session.rows(query, (missing,), deadline=order.deadline):
                self.texts[queryid] = redact_statement(text)
            self._not_before, self._failed = order.now + INTERVAL, False
        for gone in [queryid for queryid in self.texts if queryid not in queryids]:
            del self.texts[gone]
        return [
            Family(
                QUERY_ID,
                [
                    ("", label_body(QUERY_ID.labels, (queryid, cut(text, self.length))), 1)
                    for queryid, text in self.texts.items()
                ],
            ),
        ]
