"""What statements did over time, as it is kept: fine at first, then by hour, then by day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Column, Float, Integer, LargeBinary, MetaData, Table, Text, delete, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from observer.advisor.counts import (
    Counts,
    Mark,
    added_up,
    difference,
    packed,
    packed_entries,
    unpacked,
    unpacked_entries,
)
from observer.store.retention import Rule

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping

    from observer.store.store import Store

HOUR, DAY = 3_600, 86_400

_METADATA = MetaData()

mark = Table(
    "statement_mark",
    _METADATA,
    Column("target", Text, primary_key=True),
    Column("database", Text, primary_key=True),
    Column("at", Float, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("entries", LargeBinary, nullable=False),
)
window = Table(
    "statement_window",
    _METADATA,
    Column("id", Integer, primary_key=True),
    Column("target", Text, nullable=False),
    Column("database", Text, nullable=False),
    Column("grain", Integer, nullable=False),
    Column("bucket", Integer, nullable=False),
    Column("began", Float, nullable=False),
    Column("ended", Float, nullable=False),
    Column("entries", LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What statements counted from one moment to another, by queryid."""

    began: float
    ended: float
    counts: dict[int, Counts]


class StatementHistory:
    """The numbers of statements, by target and database. Texts are never kept."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    def add(self, target: str, database: str, now: Mark) -> Span | None:
        """Keep what was counted since the last mark, and the mark.

        Returns:
            What was counted; None when this is the first mark, or older than the last one.
        """

        def work(connection: Connection) -> Span | None:
            last = _mark_of(connection, target, database)
            if last is not None and last.at >= now.at:
                return None
            _keep_mark(connection, target, database, now)
            if last is None:
                return None
            span = Span(began=last.at, ended=now.at, counts=difference(last, now))
            _keep_span(connection, target, database, 0, span)
            return span

        return self._store.write(work)

    def since(self, target: str, database: str, moment: float, *, wholly: bool = False) -> Span | None:
        """All that is known since a moment; None when nothing is.

        Args:
            target: Its name.

            database: Its name.

            moment: Seconds since the epoch.

            wholly: Only windows that began after the moment; otherwise those, too, that reach into it.
        """
        edge = window.c.began >= moment if wholly else window.c.ended > moment
        query = (
            select(window.c.began, window.c.ended, window.c.entries)
            .where(window.c.target == target, window.c.database == database, window.c.ended > moment, edge)
            .order_by(window.c.ended)
        )
        with self._store.read() as connection:
            rows = connection.execute(query).all()
        if not rows:
            return None
        return Span(
            began=min(row.began for row in rows),
            ended=max(row.ended for row in rows),
            counts=added_up(unpacked(row.entries) for row in rows),
        )


def _mark_of(connection: Connection, target: str, database: str) -> Mark | None:
    query = select(mark).where(mark.c.target == target, mark.c.database == database)
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    return Mark(at=row["at"], epoch=row["epoch"], entries=unpacked_entries(row["entries"]))


def _keep_mark(connection: Connection, target: str, database: str, now: Mark) -> None:
    values = {"at": now.at, "epoch": now.epoch, "entries": packed_entries(now.entries)}
    connection.execute(
        upsert(mark)
        .values(target=target, database=database, **values)
        .on_conflict_do_update(index_elements=["target", "database"], set_=values)
    )


def _keep_span(connection: Connection, target: str, database: str, grain: int, span: Span) -> None:
    connection.execute(
        insert(window).values(
            target=target,
            database=database,
            grain=grain,
            bucket=int(span.began // grain) if grain else 0,
            began=span.began,
            ended=span.ended,
            entries=packed(span.counts),
        )
    )


def _roll_up(connection: Connection, before: float, grain: int, coarser: int) -> int:
    """Add windows that ended before a moment to the coarser window they lie in."""
    old = select(window).where(window.c.grain == grain, window.c.ended < before)
    groups: dict[tuple[str, str, int], list[RowMapping]] = {}
    for row in connection.execute(old).mappings():
        groups.setdefault((row["target"], row["database"], int(row["began"] // coarser)), []).append(row)
    for (target, database, bucket), rows in groups.items():
        held = (
            connection.execute(
                select(window).where(
                    window.c.target == target,
                    window.c.database == database,
                    window.c.grain == coarser,
                    window.c.bucket == bucket,
                )
            )
            .mappings()
            .all()
        )
        parts = [*held, *rows]
        span = Span(
            began=min(part["began"] for part in parts),
            ended=max(part["ended"] for part in parts),
            counts=added_up(unpacked(part["entries"]) for part in parts),
        )
        connection.execute(delete(window).where(window.c.id.in_([part["id"] for part in held])))
        _keep_span(connection, target, database, coarser, span)
    return len(groups)


def _prune(connection: Connection, before: float, grain: int) -> int:
    return connection.execute(delete(window).where(window.c.grain == grain, window.c.ended < before)).rowcount


RULES = (
    Rule(
        name="statements as sampled",
        keep=2 * DAY,
        floor=3 * HOUR,
        prune=lambda connection, before: _prune(connection, before, 0),
        roll_up=lambda connection, before: _roll_up(connection, before, 0, HOUR),
    ),
    Rule(
        name="statements by hour",
        keep=14 * DAY,
        floor=2 * DAY,
        prune=lambda connection, before: _prune(connection, before, HOUR),
        roll_up=lambda connection, before: _roll_up(connection, before, HOUR, DAY),
    ),
    Rule(
        name="statements by day",
        keep=365 * DAY,
        floor=14 * DAY,
        prune=lambda connection, before: _prune(connection, before, DAY),
    ),
)
