"""Reports as they are kept: each with its document and with what is new against the one before it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Float, Integer, MetaData, Table, Text, delete, func, insert, select

from observer.store.retention import Rule

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row, Select

    from observer.store.store import Store

DAY = 86_400.0

INDEXES = "indexes"
"""The kind of index reports."""

report = Table(
    "report",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("made_at", Float, nullable=False),
    Column("headline", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("changes", Text, nullable=False),
    Column("database", Text, nullable=False),
)

_LISTED = [column for column in report.c if column.name != "document"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReport:
    """A report.

    Args:
        database: Of the target; empty when it is about the target as a whole.

        headline: The report in one sentence.

        document: The report itself, by its own schema.

        changes: What is new, still there and resolved since the former report of this kind, target and
            database.
    """

    id: int
    kind: str
    target: str
    database: str
    made_at: float
    headline: str
    document: dict[str, Any]
    changes: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A report in a list, without its document."""

    id: int
    kind: str
    target: str
    database: str
    made_at: float
    headline: str
    changes: dict[str, Any]


class Reports:
    """The reports in the store."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    def newest(self, kind: str, target: str | None = None, database: str | None = None) -> KeptReport | None:
        """The last one of a kind, of a target and a database or of any."""
        query = select(report).where(report.c.kind == kind).order_by(report.c.id.desc()).limit(1)
        if target is not None:
            query = query.where(report.c.target == target)
        if database is not None:
            query = query.where(report.c.database == database)
        return self._one(query)

    def newest_of_each(self, kind: str) -> list[Listed]:
        """The last one of a kind of each target and database, by their names."""
        of_each = select(func.max(report.c.id)).where(report.c.kind == kind)
        of_each = of_each.group_by(report.c.target, report.c.database)
        query = select(*_LISTED).where(report.c.id.in_(of_each))
        return self._listed(query.order_by(report.c.target, report.c.database))

    def get(self, number: int) -> KeptReport | None:
        """The one with this number."""
        return self._one(select(report).where(report.c.id == number))

    def listed(self, limit: int = 100) -> list[Listed]:
        """The last ones, the newest first."""
        return self._listed(select(*_LISTED).order_by(report.c.id.desc()).limit(limit))

    def _listed(self, query: Select[Any]) -> list[Listed]:
        with self._store.read() as connection:
            rows = connection.execute(query).all()
        return [
            Listed(
                id=row.id,
                kind=row.kind,
                target=row.target,
                database=row.database,
                made_at=row.made_at,
                headline=row.headline,
                changes=json.loads(row.changes),
            )
            for row in rows
        ]

    def _one(self, query: Select[Any]) -> KeptReport | None:
        with self._store.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else _kept(row)


def keep(
    connection: Connection,
    *,
    kind: str,
    target: str,
    database: str = "",
    made_at: float,
    headline: str,
    document: dict[str, Any],
    changes: dict[str, Any],
) -> int:
    """Keep a report, in the caller's transaction; its number."""
    values = {
        "kind": kind,
        "target": target,
        "database": database,
        "made_at": made_at,
        "headline": headline,
        "document": json.dumps(document, ensure_ascii=False, separators=(",", ":")),
        "changes": json.dumps(changes, ensure_ascii=False, separators=(",", ":")),
    }
    return int(connection.execute(insert(report).values(**values)).lastrowid)


def _kept(row: Row[Any]) -> KeptReport:
    return KeptReport(
        id=row.id,
        kind=row.kind,
        target=row.target,
        database=row.database,
        made_at=row.made_at,
        headline=row.headline,
        document=json.loads(row.document),
        changes=json.loads(row.changes),
    )


def _prune(connection: Connection, before: float) -> int:
    # The newest of each is what a page shows, and what the next one is compared with.
    newest = select(func.max(report.c.id)).group_by(report.c.kind, report.c.target, report.c.database)
    return connection.execute(
        delete(report).where(report.c.made_at < before, report.c.id.not_in(newest))
    ).rowcount


RULE = Rule(name="reports", keep=365 * DAY, floor=7 * DAY, prune=_prune)
