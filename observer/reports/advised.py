"""Indexes that were advised: what their statements took then, and since when they stand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Float, MetaData, Table, Text, delete, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from observer.advisor.counts import Counts
from observer.reports.changes import Built, Effect, Named
from observer.store.retention import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sqlalchemy import Connection

    from observer.advisor.report import IndexReport
    from observer.store.store import Store

DAY = 86_400.0

advised = Table(
    "advised_index",
    MetaData(),
    Column("target", Text, primary_key=True),
    Column("database", Text, primary_key=True),
    Column("relation", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("ddl", Text, nullable=False),
    Column("advised_at", Float, nullable=False),
    Column("statements", Text, nullable=False),
    Column("built_at", Float),
)


def note_advice(
    connection: Connection,
    target: str,
    database: str,
    report: IndexReport,
    counts: Mapping[int, Counts],
) -> None:
    """Remember what a report advises, with the statements' times as they are without it."""
    for item in report.recommendations:
        statements = [
            {
                "queryid": served.queryid,
                "text": served.text,
                "before_ms": counts[int(served.queryid)].mean_ms,
            }
            for served in item.statements
            if served.queryid and int(served.queryid) in counts
        ]
        values = {
            "ddl": item.ddl,
            "advised_at": report.created_at,
            "statements": json.dumps(statements, ensure_ascii=False),
            # What is advised does not stand, or stands no more.
            "built_at": None,
        }
        key = {"target": target, "database": database, "relation": item.relation, "name": item.name}
        connection.execute(
            insert(advised)
            .values(**key, **values)
            .on_conflict_do_update(index_elements=list(key), set_=values)
        )


def note_built(
    connection: Connection, target: str, database: str, stand: set[tuple[str, str]], now: float
) -> int:
    """Remember since when advised indexes stand; how many are newly so."""
    count = 0
    for relation, name in stand:
        count += connection.execute(
            update(advised)
            .where(
                advised.c.target == target,
                advised.c.database == database,
                advised.c.relation == relation,
                advised.c.name == name,
                advised.c.built_at.is_(None),
            )
            .values(built_at=now)
        ).rowcount
    return count


class AdvisedIndexes:
    """The indexes that were advised for a database."""

    def __init__(self, *, store: Store, target: str) -> None:
        self._store = store
        self._target = target

    def waiting(self, database: str) -> list[Named]:
        """Those that are not known to stand."""
        rows = self._rows(database, advised.c.built_at.is_(None))
        return [Named(row.relation, row.name, row.ddl) for row in rows]

    def built(
        self, database: str, since: float, counted_after: Callable[[float], Mapping[int, Counts]]
    ) -> list[Built]:
        """Those that were seen to stand since a moment, with what it brought.

        Args:
            database: In which.

            since: Seconds since the epoch.

            counted_after: What statements counted in windows that began after a moment.
        """
        found = []
        for row in self._rows(database, advised.c.built_at >= since):
            after = counted_after(row.built_at)
            found.append(
                Built(
                    relation=row.relation,
                    name=row.name,
                    ddl=row.ddl,
                    seen_at=row.built_at,
                    statements=tuple(_effect(item, after) for item in json.loads(row.statements)),
                )
            )
        return found

    def _rows(self, database: str, condition: Any) -> list[Any]:  # noqa: ANN401 - a clause of SQLAlchemy
        query = (
            select(advised)
            .where(advised.c.target == self._target, advised.c.database == database, condition)
            .order_by(advised.c.built_at.desc(), advised.c.relation, advised.c.name)
        )
        with self._store.read() as connection:
            return list(connection.execute(query).all())


def as_by_now(counts: Mapping[int, Counts], built: Iterable[Built]) -> dict[int, Counts]:
    """What statements count with the time that a call takes since their indexes stand.

    A window reaches back to before that, and what was slow then needs no further index. A statement that was
    not called since is left out: what it takes now nobody knows.

    Args:
        counts: Of the window, by queryid.

        built: Indexes that came to stand within it, the latest first.
    """
    found = dict(counts)
    seen: set[int] = set()
    for effect in (effect for one in built for effect in one.statements):
        queryid = int(effect.queryid)
        whole = counts.get(queryid)
        if whole is None or queryid in seen:
            continue
        seen.add(queryid)
        if effect.after_ms is None:
            del found[queryid]
        else:
            found[queryid] = Counts(whole.calls, whole.calls * effect.after_ms, whole.rows)
    return found


def _effect(item: Mapping[str, Any], after: Mapping[int, Counts]) -> Effect:
    counts = after.get(int(item["queryid"]))
    return Effect(
        queryid=item["queryid"],
        text=item["text"],
        before_ms=item["before_ms"],
        after_ms=counts.mean_ms if counts else None,
        calls_after=counts.calls if counts else 0,
    )


def _prune(connection: Connection, before: float) -> int:
    old = or_(advised.c.built_at < before, advised.c.built_at.is_(None))
    return connection.execute(delete(advised).where(advised.c.advised_at < before, old)).rowcount


RULE = Rule(name="advised indexes", keep=365 * DAY, floor=7 * DAY, prune=_prune)
