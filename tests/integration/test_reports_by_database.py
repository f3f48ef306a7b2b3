"""Reports by database in a real store, and in one that an earlier version wrote."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

from observer.reports.kept import INDEXES, RULE, Reports, keep
from observer.store.migrate import migrate
from observer.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400.0


def test_reports_of_an_earlier_version_know_their_database(tmp_path: Path) -> None:
    """They are read, listed, compared with and named as those that are made now."""
    path = tmp_path / "observer.db"
    migrate(path, "0002")
    with sqlite3.connect(path) as connection:
        connection.executemany(
            "INSERT INTO report (kind, target, made_at, headline, document, changes)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [
                (INDEXES, "main", 10.0, "first", json.dumps({"database": "shop's"}), "{}"),
                (INDEXES, "main", 20.0, "second", json.dumps({"database": "shop's"}), "{}"),
                (INDEXES, "main", 30.0, "nameless", json.dumps({}), "{}"),
            ],
        )
    connection.close()
    store = Store(path)
    reports = Reports(store=store)
    newest = reports.newest(INDEXES, "main", "shop's")
    assert newest is not None
    assert (newest.id, newest.headline, newest.database) == (2, "second", "shop's")
    assert [(one.headline, one.database) for one in reports.listed()] == [
        ("nameless", ""),
        ("second", "shop's"),
        ("first", "shop's"),
    ]
    store.close()


def test_the_newest_of_each_database_outlives_what_is_pruned(tmp_path: Path) -> None:
    """It is what the next one is compared with, however old it is."""
    store = Store(tmp_path / "observer.db")
    for number, database in enumerate(("shop", "shop", "crm")):
        store.write(
            lambda connection, n=number, d=database: keep(
                connection,
                kind=INDEXES,
                target="main",
                database=d,
                made_at=n * DAY,
                headline=f"{d} {n}",
                document={},
                changes={},
            )
        )
    store.write(lambda connection: RULE.prune(connection, 100 * DAY))
    reports = Reports(store=store)
    assert [one.headline for one in reports.listed()] == ["crm 2", "shop 1"]
    assert [one.database for one in reports.newest_of_each(INDEXES)] == ["crm", "shop"]
    store.close()
