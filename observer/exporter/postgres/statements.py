"""pg_stat_statements: counters that only grow, of the busiest statements and of the rest.

Numbers are read without texts for all entries at once (texts cost ten times as much and a temporary file),
and the choice is made here, so that it can be sticky and know every statement. The counters that dashboards
live on are read every time; those that explain a statement are read on a clock of their own, together with
the others, because they double what a reading costs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from psycopg import sql

from observer.errors import NotAvailable, NotPermitted, ObserverError
from observer.exporter.accumulators import DeltaTracker
from observer.exporter.declaration import Family, label_body, one
from observer.exporter.postgres.statement_columns import (
    BASE,
    DEALLOC,
    ENTRIES,
    LABELS,
    NAME,
    STATS_RESET,
    Column,
    Version,
    entries_query,
)
from observer.exporter.top_series import TopSeries

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from observer.deadlines import Deadline
    from observer.exporter.snapshot import CollectionOrder
    from observer.targets.postgres import PostgresSession, ServerFacts

__all__ = ["NAME", "OTHER", "Row", "StatementCollector", "extension"]

OTHER = "other"
"""Stands where the queryid would in the series of the rest."""

Key = tuple[int, int, int]
"""Database, user, queryid."""
Group = tuple[int, int]
"""Database, user."""
Row = tuple[Any, ...]
"""An entry as it is read: database, user, queryid, whether it is top-level, birth, counters."""

_GROUP = itemgetter(0, 1)
_CALLS = 5
"""Where in a row the counters begin: the number of calls is the first of them."""
_WIDE = _CALLS + len(BASE)
"""Where in a row the details begin, when they were read."""


def _split(row: Row) -> tuple[tuple[Key, bool], Hashable, tuple[float, ...]]:
    """Key, birth and counters of an entry."""
    return (row[:3], row[3]), row[4], row[_CALLS:]


NAMES_INTERVAL = 60.0
"""Seconds for which names of databases and roles are taken as known."""


@dataclass(frozen=True, slots=True)
class _Info:
    """What the server says of all entries; ``None`` where its extension is too old to."""

    reset: float | None = None
    dealloc: int | None = None


@dataclass(slots=True)
class StatementCollector:
    """What one server's pg_stat_statements adds up to since this process started.

    Args:
        top: Statements with series of their own.
        details: The counters that are read on a clock of their own.
        details_interval: Seconds between two readings of those.
    """

    top: int
    details: tuple[Column, ...] = ()
    details_interval: float = 60.0
    _tracker: DeltaTracker[tuple[Key, bool]] = field(default_factory=lambda: DeltaTracker(_split))
    _detail_tracker: DeltaTracker[tuple[Key, bool]] = field(default_factory=lambda: DeltaTracker(_split))
    _series: TopSeries[Key, Group] = field(init=False)
    _bodies: dict[Key, str] = field(default_factory=dict)
    _databases: dict[int, str] = field(default_factory=dict)
    _users: dict[int, str] = field(default_factory=dict)
    _names_at: float = -NAMES_INTERVAL
    _details_at: float = float("-inf")
    _detail_bodies: list[str] = field(default_factory=list)
    _detail_families: list[Family] = field(default_factory=list)

    def __post_init__(self) -> None:
        width = len(BASE) + len(self.details)
        self._series = TopSeries(limit=self.top, width=width, weight=1, group=lambda key: key[:2])

    def collect(self, session: PostgresSession, facts: ServerFacts, order: CollectionOrder) -> list[Family]:
        """The families as of now.

        Raises:
            ObserverError: The extension is not there, or the server failed.
        """
        schema, version = extension(facts)
        if version < (1, 8):
            raise NotAvailable(
                f"pg_stat_statements is version {'.'.join(map(str, version))}; 1.8 or later is needed",
                remedy=f"Run in {facts.database}: ALTER EXTENSION pg_stat_statements UPDATE;",
            )
        if not facts.reads_statistics:
            raise NotPermitted(
                "the role is shown its own statements only",
                remedy="Grant the role pg_monitor: GRANT pg_monitor TO observer;",
            )
        full = bool(self.details) and order.now - self._details_at >= self.details_interval
        query = entries_query(schema, version, (*BASE, *self.details) if full else BASE)
        # A superuser's role is shared with people and programs; only a role of our own is left out.
        own = -1 if facts.superuser else facts.role
        info_query = _info_query(schema) if version >= (1, 9) else None
        rows, info = _read(session, query, info_query, own, order.deadline)
        self._learn_names(session, rows, order)
        self._count(rows, epoch=info.reset, order=order, full=full)
        if full:
            self._details_at = order.now
        return [*self._families(version, anew=full), *_of_all(info, len(rows))]

    def queryids(self) -> set[int]:
        """The statements that have series of their own."""
        return {key[2] for key, _ in self._series.series()}

    def _count(self, rows: list[Row], *, epoch: Hashable, order: CollectionOrder, full: bool = False) -> None:
        """Add up what is new; the rows have the details when the reading was a full one."""
        first = not self._tracker.started
        deltas: list[tuple[Key, tuple[float, ...]]] = []
        if full:
            wide, rows = rows, [row[:_WIDE] for row in rows]
            # The number of calls leads here too: it tells what was lost and made again.
            known = [(*row[: _CALLS + 1], *row[_WIDE:]) for row in wide]
            skipped = (0,) * len(BASE)
            deltas += [
                (key, (*skipped, *delta[1:]))
                for (key, _), delta in self._detail_tracker.advance(known, epoch=epoch)
            ]
        deltas += [(key, delta) for (key, _), delta in self._tracker.advance(rows, epoch=epoch)]
        if first:
            self._series.introduce(set(map(_GROUP, rows)), version=order.version)
            weights: dict[Key, float] = {}
            for (key, _), _, counters in map(_split, rows):
                weights[key] = weights.get(key, 0.0) + counters[1]
            self._series.seed(weights.items(), version=order.version)
        self._series.advance(deltas, version=order.version, seen=order.seen, now=order.now)

    def _learn_names(
        self,
        session: PostgresSession,
        rows: list[Row],
        order: CollectionOrder,
    ) -> None:
        groups = set(map(_GROUP, rows))
        unknown = any(dbid not in self._databases or userid not in self._users for dbid, userid in groups)
        # A series must begin under its name: under another one its first calls would be lost to increase().
        # What was dropped is asked for once and known by its number from then on.
        if not unknown and order.now - self._names_at < NAMES_INTERVAL:
            return
        self._names_at = order.now
        before = (dict(self._databases), dict(self._users))
        self._databases.update(session.rows(_DATABASES, deadline=order.deadline))
        self._users.update(session.rows(_ROLES, deadline=order.deadline))
        for dbid, userid in groups:
            self._databases.setdefault(dbid, str(dbid))
            self._users.setdefault(userid, str(userid))
        if before != (self._databases, self._users):
            self._bodies.clear()

    def _families(self, version: Version = (1, 8), *, anew: bool = False) -> Iterator[Family]:
        """The counters. Details are as they were read last, but a series that is new stands there at once."""
        lines = [(self._body(key), totals) for key, totals in self._series.series()]
        lines += [(self._rest_body(group), totals) for group, totals in self._series.rest()]
        # Dropped and renamed roles can share a name; one duplicate line would cost the page.
        merged: dict[str, list[float]] = {}
        for body, totals in lines:
            held = merged.get(body)
            merged[body] = totals if held is None else [a + b for a, b in zip(held, totals, strict=True)]
        for index, column in enumerate(BASE):
            yield _family(column, index, merged)
        bodies = list(merged)
        if anew or bodies != self._detail_bodies:
            self._detail_bodies = bodies
            self._detail_families = [
                _family(column, index, merged)
                for index, column in enumerate(self.details, len(BASE))
                if column.expression(version) is not None
            ]
        yield from self._detail_families

    def _body(self, key: Key) -> str:
        body = self._bodies.get(key)
        if body is None:
            names = (self._users.get(key[1]), self._databases.get(key[0]), key[2])
            body = self._bodies[key] = label_body(LABELS, names)
        return body

    def _rest_body(self, group: Group) -> str:
        return label_body(LABELS, (self._users.get(group[1]), self._databases.get(group[0]), OTHER))


_DATABASES = b"SELECT oid::pg_catalog.int8, datname FROM pg_catalog.pg_database"
_ROLES = b"SELECT oid::pg_catalog.int8, rolname FROM pg_catalog.pg_roles"


def extension(facts: ServerFacts) -> tuple[str, tuple[int, ...]]:
    """Schema and version of the extension in the database that we are connected to.

    Raises:
        NotAvailable: It is not installed there.
    """
    found = facts.extensions.get("pg_stat_statements")
    if found is None:
        raise NotAvailable(
            f"the extension pg_stat_statements is not installed in database {facts.database}",
            remedy=f"Have it in shared_preload_libraries, and run in {facts.database}: "
            "CREATE EXTENSION pg_stat_statements;",
        )
    return found


def _family(column: Column, index: int, totals: dict[str, list[float]]) -> Family:
    scale = column.scale
    if scale == 1:
        return Family(column.metric, [("", body, int(values[index])) for body, values in totals.items()])
    return Family(column.metric, [("", body, values[index] * scale) for body, values in totals.items()])


def _of_all(info: _Info, entries: int) -> Iterator[Family]:
    yield one(ENTRIES, entries)
    if info.dealloc is not None:
        yield one(DEALLOC, info.dealloc)
    if info.reset is not None:
        yield one(STATS_RESET, info.reset)


def _info_query(schema: str) -> sql.Composed:
    return sql.SQL(
        "SELECT extract(epoch FROM stats_reset)::pg_catalog.float8, dealloc FROM {}.pg_stat_statements_info",
    ).format(sql.Identifier(schema))


def _read(
    session: PostgresSession,
    query: sql.Composed,
    info_query: sql.Composed | None,
    own: int,
    deadline: Deadline,
) -> tuple[list[Row], _Info]:
    """All entries but those of our own role, and what holds for all of them."""
    if info_query is None:
        return session.rows(query, (own,), deadline=deadline), _Info()
    for _ in range(3):
        before = _Info(*session.rows(info_query, deadline=deadline)[0])
        rows = session.rows(query, (own,), deadline=deadline)
        after = _Info(*session.rows(info_query, deadline=deadline)[0])
        # A reset between the two would be counted twice: the entries must belong to one epoch.
        if before.reset == after.reset:
            return rows, after
    raise ObserverError("pg_stat_statements is being reset over and over", remedy="Reset it less often.")
