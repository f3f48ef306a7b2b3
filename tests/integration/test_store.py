"""The store on a real disk: durable, one writer, versions, bounds, and clear words when it cannot."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, insert, inspect, select, text

from observer.clock import SystemClock
from observer.incidents import ledger, tables
from observer.store.errors import StoreDamaged, StoreTooNew, StoreUnavailable, StoreUnsuitable
from observer.store.migrate import configuration, migrate
from observer.store.retention import Retention, Rule
from observer.store.revisions import HEAD, REVISIONS
from observer.store.store import Store
from observer.store.ticks import RULE, Ticks, job_tick

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection

filler = Table("filler", MetaData(), Column("at", Integer, primary_key=True), Column("body", Text))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "observer.db")
    yield opened
    opened.close()


def test_write_is_seen_by_readers_once_it_returns(store: Store) -> None:
    """A write that returned is committed: every reader sees it."""
    ticks = Ticks(store=store, clock=SystemClock())
    assert ticks.claim("report", 1_000)
    with store.read() as connection:
        assert connection.execute(select(job_tick.c.tick)).scalars().all() == [1_000]


def test_commit_is_flushed_to_disk(store: Store) -> None:
    """The settings that make a commit survive a power cut are on."""
    found = store.write(
        lambda c: (
            c.exec_driver_sql("PRAGMA synchronous").scalar(),
            c.exec_driver_sql("PRAGMA journal_mode").scalar(),
        )
    )
    assert found == (2, "wal")


def test_tick_is_claimed_once(store: Store, tmp_path: Path) -> None:
    """Of all who try a job's tick one runs it, over restarts too."""
    clock = SystemClock()
    ticks = Ticks(store=store, clock=clock)
    claims: list[bool] = []
    threads = [threading.Thread(target=lambda: claims.append(ticks.claim("report", 7))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claims) == [False] * 7 + [True]
    ticks.finish("report", 7, "ok")
    store.close()
    again = Store(tmp_path / "observer.db")
    later = Ticks(store=again, clock=clock)
    assert not later.claim("report", 7)
    last = later.last("report")
    assert last is not None
    assert last.outcome == "ok"
    again.close()


def test_failed_write_takes_nothing_from_others(store: Store) -> None:
    """Writes that share a commit fail alone."""
    gate = threading.Event()
    blocked = store.submit(lambda _: gate.wait(5))

    def fail(connection: Connection) -> None:
        connection.execute(insert(job_tick).values(job="bad", tick=1, claimed_at=0))
        raise LookupError

    first = store.submit(lambda c: c.execute(insert(job_tick).values(job="a", tick=1, claimed_at=0)).rowcount)
    bad = store.submit(fail)
    last = store.submit(lambda c: c.execute(insert(job_tick).values(job="b", tick=1, claimed_at=0)).rowcount)
    gate.set()
    assert (blocked.result(5), first.result(5), last.result(5)) == (True, 1, 1)
    with pytest.raises(LookupError):
        bad.result(5)
    with store.read() as connection:
        assert sorted(connection.execute(select(job_tick.c.job)).scalars()) == ["a", "b"]


def test_readers_cannot_write(store: Store) -> None:
    """Nothing gets around the one writer."""
    with pytest.raises(StoreUnavailable, match="read-only"), store.read() as connection:
        connection.execute(insert(job_tick).values(job="a", tick=1, claimed_at=0))


def test_second_process_is_refused(store: Store) -> None:
    """Two Observers never send from one store."""
    with pytest.raises(StoreUnsuitable, match="in use"):
        Store(store.path)


def test_later_version_is_refused(tmp_path: Path) -> None:
    """A store of a later version is left alone, with a word on what to do."""
    path = tmp_path / "observer.db"
    Store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreTooNew, match="9999"):
        Store(path)


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_earlier_version_is_migrated(tmp_path: Path, revision: str) -> None:
    """A store of any earlier version comes to this version's shape."""
    path = tmp_path / "observer.db"
    migrate(path, revision)
    store = Store(path)
    with store.read() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == HEAD
    store.close()


def test_known_revisions_are_those_of_the_scripts() -> None:
    """What the server knows of versions without Alembic is what Alembic would say."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(configuration())
    assert [s.revision for s in scripts.walk_revisions()][::-1] == list(REVISIONS)


def test_tables_are_as_the_migrations_made_them(store: Store) -> None:
    """The tables that queries are written against are those on disk."""
    with store.read() as connection:
        on_disk = {
            table.name: {column["name"] for column in inspect(connection).get_columns(table.name)}
            for table in (job_tick, *tables.incident.metadata.sorted_tables)
        }
    in_code = {
        table.name: {column.name for column in table.c}
        for table in (job_tick, *tables.incident.metadata.sorted_tables)
    }
    assert in_code == on_disk


def test_server_never_loads_alembic(tmp_path: Path) -> None:
    """Opening a store, migration included, leaves Alembic and Mako out of the process.

    Rich, which the logger loads where it is installed, is kept out by how ``observer serve`` starts.
    """
    program = (
        "import sys; from pathlib import Path; from observer.store.store import Store\n"
        "import observer.app.alerts, observer.incidents.service\n"
        f"Store(Path({str(tmp_path / 'observer.db')!r})).close()\n"
        "heavy = {'alembic', 'mako', 'typer', 'sqlalchemy.orm', 'aiohttp'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_file_of_something_else_is_refused(tmp_path: Path) -> None:
    """A file that is not a store is not touched."""
    path = tmp_path / "observer.db"
    path.write_bytes(b"These are not the pages of a database. " * 200)
    before = path.read_bytes()
    with pytest.raises(StoreDamaged):
        Store(path)
    assert path.read_bytes() == before


def test_database_of_something_else_is_refused(tmp_path: Path) -> None:
    """Another program's database is not made into a store."""
    path = tmp_path / "observer.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(StoreDamaged, match="not a store"):
        Store(path)


def test_directory_that_is_missing_is_told(tmp_path: Path) -> None:
    """A path that does not exist is an error of one sentence with a remedy."""
    with pytest.raises(StoreUnavailable) as refused:
        Store(tmp_path / "missing" / "observer.db")
    assert refused.value.remedy


def test_full_disk_is_told_and_passes(store: Store) -> None:
    """A write for which there is no room fails with a word for it; after room was made, writes work."""
    store.write(lambda c: c.exec_driver_sql("CREATE TABLE filler (at INTEGER PRIMARY KEY, body TEXT)"))
    store.write(lambda c: c.exec_driver_sql("PRAGMA max_page_count = 40").scalar())
    rows = [{"at": number, "body": "x" * 4_000} for number in range(200)]
    with pytest.raises(StoreUnavailable, match="disk is full"):
        store.write(lambda c: c.execute(insert(filler), rows))
    store.write(lambda c: c.execute(insert(filler).values(at=999, body="fits again")))
    with store.read() as connection:
        assert connection.execute(select(filler.c.body).where(filler.c.at == 999)).scalar() == "fits again"


def test_closed_store_refuses_writes(store: Store) -> None:
    """After the end nothing is taken that would be lost."""
    store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        store.write(lambda _: None)


def test_store_stays_under_its_bound_and_shrinks(store: Store) -> None:
    """Over the bound, the oldest goes first, down to each rule's floor, and the file gives the room back."""
    store.write(lambda c: c.exec_driver_sql("CREATE TABLE filler (at INTEGER PRIMARY KEY, body TEXT)"))
    rows = [{"at": age, "body": "x" * 4_000} for age in range(1_000)]
    store.write(lambda c: c.execute(insert(filler), rows))
    rolled: list[float] = []
    rule = Rule(
        name="filler",
        keep=2_000,
        floor=100,
        prune=lambda c, before: c.execute(filler.delete().where(filler.c.at < before)).rowcount,
        roll_up=lambda _, before: rolled.append(before) or 0,
    )
    size = store.size()
    pruned = Retention(store=store, rules=(rule, RULE, ledger.RULE), bound=1_500_000).run(now=1_000)
    assert pruned.fits
    assert pruned.before == size.used
    assert 100 <= 1_000 - pruned.removed["filler"] < 1_000
    assert store.size().file < size.file
    assert rolled


def test_floor_is_kept_however_full_the_store_is(store: Store) -> None:
    """What a room calls its floor is never removed, and the report says that the bound is not met."""
    store.write(lambda c: c.exec_driver_sql("CREATE TABLE filler (at INTEGER PRIMARY KEY, body TEXT)"))
    rows = [{"at": age, "body": "x" * 4_000} for age in range(1_000)]
    store.write(lambda c: c.execute(insert(filler), rows))
    rule = Rule(
        name="filler",
        keep=2_000,
        floor=500,
        prune=lambda c, before: c.execute(filler.delete().where(filler.c.at < before)).rowcount,
    )
    pruned = Retention(store=store, rules=(rule,), bound=1_000).run(now=1_000)
    assert not pruned.fits
    assert pruned.removed["filler"] == 500
