"""Covering indexes are priced by the visibility map: what VACUUM has not marked, the report tells of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from observer.advisor.advise import advise
from observer.advisor.request import KeptEntry, KeptSample, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from observer.advisor.report import IndexReport
    from observer.demo.servers import PostgresServer

DATABASE = "advised_on_what_is_visible"
WORKLOAD = "select name from visited where city = $1"


@pytest.fixture
def database(postgres: PostgresServer, hypopg: None) -> Iterator[str]:  # noqa: ARG001 - it is there
    """A table of wide rows that was analyzed and never vacuumed, and a small one."""
    postgres.create_database(DATABASE, extensions=("hypopg",))
    with psycopg.connect(postgres.dsn(DATABASE), autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE visited (id integer PRIMARY KEY, city integer, name text, rest text);"
            "ALTER TABLE visited SET (autovacuum_enabled = off);"
            "INSERT INTO visited SELECT n, n % 20, 'n' || n, repeat('x', 400)"
            " FROM generate_series(1, 20000) n;"
            "CREATE TABLE small (id integer PRIMARY KEY, city integer);"
            "ALTER TABLE small SET (autovacuum_enabled = off);"
            "INSERT INTO small SELECT n, n FROM generate_series(1, 1000) n"
        )
        connection.execute("ANALYZE")
    yield postgres.dsn(DATABASE)
    postgres.execute("postgres", psycopg.sql.SQL("DROP DATABASE {}").format(psycopg.sql.Identifier(DATABASE)))


def told(report: IndexReport) -> list[str]:
    return [note for note in report.notes if "all-visible" in note]


def test_a_table_that_vacuum_has_not_visited_is_named_and_its_covering_index_comes_afterwards(
    database: str,
) -> None:
    """The same statement: first a note that names the table and the remedy, then the covering index.

    The VACUUM comes right after the load, from another session: all pages are marked.
    """
    request = Request(dsn=database, workload=f"{WORKLOAD}; select id from small where city = $1", deadline=30)
    before = advise(request)
    [note] = told(before)
    assert "public.visited (0 % of its pages)" in note
    assert "public.small" not in note
    assert "run VACUUM" in note
    assert not any("INCLUDE" in item.ddl for item in before.recommendations)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("INSERT INTO visited VALUES (0, 0, 'n', '')")
        with psycopg.connect(database, autocommit=True) as another:
            another.execute("VACUUM ANALYZE visited")
            [(pages, visible)] = another.execute(
                "SELECT relpages, relallvisible FROM pg_catalog.pg_class WHERE oid = 'visited'::regclass"
            ).fetchall()
    assert visible == pages
    after = advise(request)
    assert told(after) == []
    assert [item.ddl.split(" ON ", 1)[1] for item in after.recommendations] == [
        "public.visited (city) INCLUDE (name)"
    ]


def test_where_rows_change_all_the_time_no_covering_index_is_proposed(database: str) -> None:
    """All pages are marked now, and will not be for long: the plain index comes, and the report says why."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE visited")
    found = {}
    for updates in (0, 1, 60):
        texts = {WORKLOAD: 6000.0, "update visited set rest = $1 where id = $2": 1.0}
        entries = tuple(
            KeptEntry(queryid=number, text=text, calls=60, total_ms=ms, rows=updates)
            for number, (text, ms) in enumerate(texts.items(), 1)
        )
        window = KeptSample(at=86_400.0 if updates == 1 else 60.0, entries=entries)
        report = advise(
            Request(
                dsn=database, before=KeptSample(at=0, entries=()), after=window, deadline=30, budget="10MB"
            )
        )
        [item] = report.recommendations
        found[updates] = item.ddl.split(" ON ", 1)[1], told(report)
    covering = "public.visited (city) INCLUDE (name)"
    assert found[0] == (covering, [])
    assert found[1] == (covering, []), "one update a day"
    index, notes = found[60]
    assert index == "public.visited (city)"
    [note] = notes
    assert "rows change so fast" in note
    assert "public.visited" in note
