"""pg_stat_statements: counters that only grow, of the busiest statements and of the rest.

Numbers are read without texts for all entries at once (texts cost ten times as much and a temporary file),
and the choice is made here, so that it can be sticky and know every statement.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from psycopg import sql

from observer.errors import NotAvailable, NotPermitted, ObserverError
from observer.exporter.accumulators import DeltaTracker
from observer.exporter.declaration import Family, MetricDeclaration, label_body
from observer.exporter.top_series import TopSeries

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from observer.deadlines import Deadline
    from observer.exporter.snapshot import CollectionOrder
    from observer.targets.postgres import PostgresSession, ServerFacts

NAME = "stat_statements"

LABELS = ("user", "datname", "queryid")

OTHER = "other"
"""Stands where the queryid would in the series of the rest."""

Key = tuple[int, int, int]
"""Database, user, queryid."""
Group = tuple[int, int]
"""Database, user."""
Row = tuple[Any, ...]
"""An entry as it is read: database, user, queryid, whether it is top-level, birth, counters."""

_GROUP = itemgetter(0, 1)


def _split(row: Row) -> tuple[tuple[Key, bool], Hashable, tuple[float, ...]]:
    """Key, birth and counters of an entry."""
    return (row[:3], row[3]), row[4], row[5:]


NAMES_INTERVAL = 60.0
"""Seconds for which names of databases and roles are taken as known."""


def _counter(name: str, text: str) -> MetricDeclaration:
    return MetricDeclaration(f"pg_stat_statements_{name}", "counter", text, "postgres", LABELS, NAME)


@dataclass(frozen=True, slots=True)
class Column:
    """A counter of pg_stat_statements."""

    metric: MetricDeclaration
    scale: float
    expression: str
    """Its column from version 1.11 of the extension on."""
    before_1_11: str


COLUMNS = (
    Column(_counter("calls_total", "Times that the statement was executed."), 1, "calls", "calls"),
    Column(
        _counter("seconds_total", "Seconds spent executing the statement."),
        0.001,
        "total_exec_time",
        "total_exec_time",
    ),
    Column(_counter("rows_total", "Rows that the statement returned or changed."), 1, "rows", "rows"),
    Column(
        _counter("block_read_seconds_total", "Seconds spent reading blocks; needs track_io_timing."),
        0.001,
        "shared_blk_read_time",
        "blk_read_time",
    ),
    Column(
        _counter("block_write_seconds_total", "Seconds spent writing blocks; needs track_io_timing."),
        0.001,
        "shared_blk_write_time",
        "blk_write_time",
    ),
)

DECLARED = tuple(column.metric for column in COLUMNS)


@dataclass(slots=True)
class StatementCollector:
    """What one server's pg_stat_statements adds up to since this process started.

    Args:
        top: Statements with series of their own.
    """

    top: int
    _tracker: DeltaTracker[tuple[Key, bool]] = field(default_factory=lambda: DeltaTracker(_split))
    _series: TopSeries[Key, Group] = field(init=False)
    _bodies: dict[Key, str] = field(default_factory=dict)
    _databases: dict[int, str] = field(default_factory=dict)
    _users: dict[int, str] = field(default_factory=dict)
    _names_at: float = -NAMES_INTERVAL

    def __post_init__(self) -> None:
        self._series = TopSeries(limit=self.top, width=len(COLUMNS), weight=1, group=lambda key: key[:2])

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
        rows, epoch = self._read(session, facts, schema, version, order.deadline)
        self._learn_names(session, rows, order)
        self._count(rows, epoch, order)
        return list(self._families())

    def queryids(self) -> set[int]:
        """The statements that have series of their own."""
        return {key[2] for key, _ in self._series.series()}

    def _read(
        self,
        session: PostgresSession,
        facts: ServerFacts,
        schema: str,
        version: tuple[int, ...],
        deadline: Deadline,
    ) -> tuple[list[Row], str]:
        """All entries, and the epoch that they belong to. Our own statements are left out."""
        query = _entries_query(schema, version)
        epoch_query = sql.SQL(
            "SELECT extract(epoch FROM stats_reset)::pg_catalog.float8 FROM {}.pg_stat_statements_info",
        ).format(sql.Identifier(schema))
        # A superuser's role is shared with people and programs; only a role of our own is left out.
        own = -1 if facts.superuser else facts.role
        for _ in range(3):
            epoch = session.rows(epoch_query, deadline=deadline) if version >= (1, 9) else None
            rows = session.rows(query, (own,), deadline=deadline)
            # A reset between the two would be counted twice: the entries must belong to one epoch.
            if version < (1, 9) or session.rows(epoch_query, deadline=deadline) == epoch:
                return rows, str(epoch)
        raise ObserverError("pg_stat_statements is being reset over and over", remedy="Reset it less often.")

    def _count(
        self,
        rows: list[Row],
        epoch: Hashable,
        order: CollectionOrder,
    ) -> None:
        first = not self._tracker.started
        deltas = self._tracker.advance(rows, epoch=epoch)
        if first:
            self._series.introduce(set(map(_GROUP, rows)), version=order.version)
            weights: dict[Key, float] = {}
            for (key, _), _, counters in map(_split, rows):
                weights[key] = weights.get(key, 0.0) + counters[1]
            self._series.seed(weights.items(), version=order.version)
        self._series.advance(
            ((key, delta) for (key, _), delta in deltas),
            version=order.version,
            seen=order.seen,
            now=order.now,
        )

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

    def _families(self) -> Iterator[Family]:
        lines = [(self._body(key), totals) for key, totals in self._series.series()]
        lines += [(self._rest_body(group), totals) for group, totals in self._series.rest()]
        # Dropped and renamed roles can share a name; one duplicate line would cost the page.
        merged: dict[str, list[float]] = {}
        for body, totals in lines:
            held = merged.get(body)
            merged[body] = totals if held is None else [a + b for a, b in zip(held, totals, strict=True)]
        for index, column in enumerate(COLUMNS):
            scale = column.scale
            if scale == 1:
                yield Family(
                    column.metric, [("", body, int(totals[index])) for body, totals in merged.items()]
                )
            else:
                yield Family(
                    column.metric, [("", body, totals[index] * scale) for body, totals in merged.items()]
                )

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


def _entries_query(schema: str, version: tuple[int, ...]) -> sql.Composed:
    """Numbers of every entry. Columns follow the extension's version: a server may be upgraded without it."""
    columns = [column.expression if version >= (1, 11) else column.before_1_11 for column in COLUMNS]
    return sql.SQL(
        "SELECT dbid::pg_catalog.int8, userid::pg_catalog.int8, queryid, {toplevel}, {born}, {columns}"
        " FROM {schema}.pg_stat_statements(false) WHERE queryid IS NOT NULL AND userid <> %s",
    ).format(
        toplevel=sql.SQL("toplevel" if version >= (1, 9) else "true"),
        born=sql.SQL("extract(epoch FROM stats_since)::pg_catalog.float8" if version >= (1, 11) else "NULL"),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        schema=sql.Identifier(schema),
    )
