"""Counters of statements: exact against the server's own, whatever it forgets and whoever is promoted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from psycopg import sql

from observer.cli.sql import role_script
from observer.demo.servers import PostgresServer, ordinary_account, private_directory
from observer.exporter.postgres import statements
from observer.exporter.postgres.collectors import collector_names
from tests.conditions import wait_for
from tests.serving import BRISK, Page, Serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

CALLS = "pg_stat_statements_calls_total"

STATEMENTS = (
    "SELECT 1",
    "SELECT 1, 2",
    "SELECT pg_catalog.version()",
    "SELECT pg_catalog.now()",
    "SELECT pg_catalog.pg_backend_pid()",
    "VALUES (1), (2)",
)


@pytest.fixture(scope="module")
def server(postgres_bin_dir: Path | None) -> Iterator[PostgresServer]:
    """A server that keeps only 100 statements, with two databases, and the role that Observer asks for."""
    settings = {
        "pg_stat_statements.max": "100",
        "pg_stat_statements.track": "all",
        "pg_stat_statements.track_planning": "on",
    }
    with (
        private_directory(prefix="observer-statements-", account=ordinary_account()) as directory,
        PostgresServer.create(directory / "pg", settings=settings, bin_dir=postgres_bin_dir) as made,
    ):
        made.create_database("app")
        made.create_database("shop", extensions=())
        with made.connect("app") as connection:
            connection.execute(role_script("observer").encode())
        yield made


@pytest.fixture
def role(server: PostgresServer, request: pytest.FixtureRequest) -> str:
    """A role that no other test uses, so that its sums are this test's alone."""
    name: str = "r_" + request.node.name.removeprefix("test_")[:40]
    server.execute("app", sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
    # A server full of an earlier test's statements would throw this test's out before they are read.
    server.execute("app", "SELECT public.pg_stat_statements_reset()")
    return name


@pytest.fixture
def observer(server: PostgresServer, tmp_path: Path) -> Iterator[Serving]:
    """Observer with series for the three busiest statements."""
    with Serving(tmp_path, config(server, top=3)) as running:
        running.wait_up("main")
        yield running


def config(server: PostgresServer, *, top: int) -> dict[str, object]:
    target = {
        "name": "main",
        "dsn": server.dsn("app", user="observer"),
        "statements": {"top": top},
        # Each visit makes entries of its own, and this server keeps a hundred only.
        "collectors": {"databases": False},
    }
    return {"postgres": [target], "scrape": BRISK}


def run(
    server: PostgresServer, role: str, times: int, *, database: str = "app", which: Sequence[int] = (0,)
) -> None:
    """Run each of some `STATEMENTS` so many times."""
    with server.connect(database, user=role) as connection:
        for index in which:
            for _ in range(times):
                connection.execute(STATEMENTS[index].encode())


def on_the_server(server: PostgresServer, role: str, database: str) -> int:
    with server.connect("app") as connection:
        row = connection.execute(
            "SELECT coalesce(sum(s.calls), 0)::pg_catalog.int8 FROM public.pg_stat_statements s"
            " WHERE s.userid = %s::pg_catalog.regrole"
            " AND s.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = %s)",
            (role, database),
        ).fetchone()
    assert row is not None
    return int(row[0])


class Ledger:
    """Every page that was scraped: no series may fall, vanish, or begin at anything but 0."""

    def __init__(self, observer: Serving, role: str) -> None:
        self._observer = observer
        self._role = role
        self._last: dict[tuple[tuple[str, str], ...], float] = {}

    def read(self) -> Page:
        """The first page that was read after this moment; all that are scraped until then are noted too."""
        asked, pages = time.time(), []

        def read() -> bool:
            pages.append(self._observer.page())
            self._note(pages[-1])
            return pages[-1].value("observer_snapshot_timestamp_seconds", target="main") > asked

        wait_for(read, "numbers that are read after this moment")
        return pages[-1]

    def _note(self, page: Page) -> None:
        now = {tuple(sorted(labels.items())): value for labels, value in page.samples(CALLS, user=self._role)}
        if page.value("pg_up") == 0:
            return
        for key, value in now.items():
            before = self._last.get(key, 0 if key not in self._last else None)
            assert before is not None
            assert value >= before, f"{key} fell from {before} to {value}"
            assert key in self._last or value == 0, f"{key} begins at {value}"
        assert self._last.keys() <= now.keys()
        self._last = now

    def expect(self, calls: int, *, database: str = "app") -> Page:
        """Scrape until all calls are counted; the sum never exceeds them."""
        pages: list[Page] = []

        def counted() -> bool:
            pages.append(self.read())
            summed = pages[-1].sum(CALLS, user=self._role, datname=database)
            assert summed <= calls, f"{summed} calls were counted of {calls}"
            return summed == calls

        wait_for(counted, f"{calls} calls of {self._role} in {database} are counted", seconds=60)
        pages.append(self.read())
        assert pages[-1].sum(CALLS, user=self._role, datname=database) == calls
        return pages[-1]


def test_sums_in_two_databases_are_the_servers(server: PostgresServer, role: str, observer: Serving) -> None:
    """Of six statements with three series: the rows and the rest are the server's sum, in each database."""
    ledger = Ledger(observer, role)
    for times in (3, 8):
        run(server, role, times, which=range(6))
        run(server, role, 2 * times, database="shop", which=range(4))
        ledger.expect(on_the_server(server, role, "app"))
        ledger.expect(on_the_server(server, role, "shop"), database="shop")
    page = ledger.read()
    assert on_the_server(server, role, "app") == 6 * 11
    assert on_the_server(server, role, "shop") == 4 * 22
    assert page.samples(CALLS, user=role, datname="app", queryid="other") != []


def test_what_happened_before_the_start_is_not_claimed(
    server: PostgresServer, role: str, tmp_path: Path
) -> None:
    """Counters begin at 0 in each process, and count what was added since."""
    run(server, role, 50)
    with Serving(tmp_path, config(server, top=100)) as observer:
        observer.wait_up("main")
        ledger = Ledger(observer, role)
        ledger.expect(0)
        run(server, role, 4)
        ledger.expect(4)


def test_a_new_role_and_a_new_database_begin_at_zero(
    server: PostgresServer, role: str, observer: Serving
) -> None:
    """Their first series stand at 0 under their names, so that ``increase()`` sees the first calls too."""
    ledger = Ledger(observer, role)
    ledger.read()
    server.create_database("late", extensions=())
    run(server, role, 5, database="late")
    ledger.expect(5, database="late")
    page = observer.fresh("main")
    assert page.samples(CALLS, user="") == page.samples(CALLS, datname="") == []


def test_a_reset_is_no_fall_and_no_spike(server: PostgresServer, role: str, observer: Serving) -> None:
    """``pg_stat_statements_reset()`` between two scrapes: what came before and after is counted once."""
    ledger = Ledger(observer, role)
    run(server, role, 7, which=(0, 1))
    ledger.expect(14)
    server.execute("app", "SELECT public.pg_stat_statements_reset()")
    run(server, role, 4, which=(0, 1))
    ledger.expect(14 + 8)
    server.execute("app", "SELECT public.pg_stat_statements_reset()")
    # More than before the reset: the new count must not be taken for growth of the old one.
    run(server, role, 20, which=(0,))
    ledger.expect(14 + 8 + 20)


def test_eviction_is_no_fall_and_no_spike(server: PostgresServer, role: str, observer: Serving) -> None:
    """An entry that the server threw out and made again goes on where it was."""
    server.execute("app", "DO $$ BEGIN CREATE ROLE churn LOGIN; END $$")
    ledger = Ledger(observer, role)
    run(server, role, 6)
    ledger.expect(6)

    def evicted() -> bool:
        with server.connect("app", user="churn") as connection:
            connection.execute(
                "DO $$ BEGIN FOR i IN 1..300 LOOP FOR j IN 1..10 LOOP"
                " EXECUTE 'SELECT ' || pg_catalog.repeat('1,', i) || '1'; END LOOP; END LOOP; END $$"
            )
        ledger.read()
        return on_the_server(server, role, "app") == 0

    wait_for(evicted, "the server has thrown the statement out", seconds=20)
    # Busier than what threw it out, so that it stays until it is read.
    run(server, role, 40)
    ledger.expect(6 + 40)


def test_a_crash_loses_nothing_that_was_read(server: PostgresServer, role: str, observer: Serving) -> None:
    """The server forgets all statements in a crash; the counters go on from where they were read."""
    ledger = Ledger(observer, role)
    run(server, role, 6, which=(0, 1))
    ledger.expect(12)
    server.stop("immediate")
    observer.wait_up("main", up=False)
    server.start()
    observer.wait_up("main")
    run(server, role, 5, which=(0, 1))
    ledger.expect(12 + 10)


def test_a_change_of_the_busiest_moves_nothing(server: PostgresServer, role: str, tmp_path: Path) -> None:
    """Promoted series begin at 0, demoted ones stand still, and the sum stays exact."""
    with Serving(tmp_path, config(server, top=1)) as observer:
        observer.wait_up("main")
        ledger = Ledger(observer, role)
        done = 0
        # Each is busier than the one before, by more than half; the first comes back in the end.
        for columns, times in ((1, 4), (2, 10), (1, 25)):
            slow = sql.SQL("SELECT pg_catalog.pg_sleep(0.005){}").format(sql.SQL(", 1" * columns))
            for _ in range(2):
                with server.connect("app", user=role) as connection:
                    for _ in range(times):
                        connection.execute(slow)
                done += times
                ledger.expect(done)
        page = ledger.read()
        series = {labels["queryid"] for labels, _ in page.samples(CALLS, user=role)}
        assert len(series - {"other"}) >= 2
        assert "other" in series


DETAILS = {
    "shared_blks_hit_total": "shared_blks_hit",
    "shared_blks_dirtied_total": "shared_blks_dirtied",
    "local_blks_hit_total": "local_blks_hit",
    "temp_blks_written_total": "temp_blks_written",
    "wal_records_total": "wal_records",
    "wal_fpi_total": "wal_fpi",
    "wal_bytes_total": "wal_bytes",
    "plans_total": "plans",
    "plan_seconds_total": "total_plan_time * 0.001",
    "seconds_total": "total_exec_time * 0.001",
    "rows_total": "rows",
}
"""What a metric is on the server, under names that every version has."""


def test_every_counter_is_the_servers(server: PostgresServer, role: str, tmp_path: Path) -> None:
    """Blocks, WAL and planning add up to what the server says of the role, over one series and the rest."""
    server.execute(
        "app",
        "CREATE TABLE IF NOT EXISTS detailed (id integer PRIMARY KEY, text text)",
        "GRANT ALL ON detailed TO PUBLIC",
        "GRANT TEMPORARY ON DATABASE app TO PUBLIC",
    )
    target = {
        "name": "main",
        "dsn": server.dsn("app", user="observer"),
        "statements": {"top": 1, "details_interval": "200ms"},
        # Of the few places that this server has, Observer's own questions would take the role's.
        "collectors": {name: name == statements.NAME for name in collector_names()},
    }
    with Serving(tmp_path, {"postgres": [target], "scrape": BRISK}) as observer:
        observer.wait_up("main")
        ledger = Ledger(observer, role)
        ledger.read()
        with server.connect("app", user=role) as connection:
            connection.execute("SET work_mem = '64kB'")
            for _ in range(2):
                connection.execute(
                    "INSERT INTO detailed SELECT n, n FROM pg_catalog.generate_series(1, 500) n"
                )
                connection.execute(
                    "SELECT count(*) FROM (SELECT n FROM generate_series(1, 50000) n ORDER BY -n) n"
                )
                connection.execute("CREATE TEMPORARY TABLE own AS SELECT * FROM detailed")
                connection.execute("SELECT count(*) FROM own")
                connection.execute("DROP TABLE own")
                connection.execute("UPDATE detailed SET text = 'x'")
                connection.execute("DELETE FROM detailed")
        sums = ", ".join(f"sum({expression})::pg_catalog.float8" for expression in DETAILS.values())
        with server.connect("app") as connection:
            row = connection.execute(
                f"SELECT {sums} FROM public.pg_stat_statements"
                " WHERE userid = %s::pg_catalog.regrole".encode(),
                (role,),
            ).fetchone()
        assert row is not None
        wanted = dict(zip(DETAILS, row, strict=True))
        assert all(wanted[name] > 0 for name in DETAILS if name != "wal_fpi_total")

        def equal() -> bool:
            page = ledger.read()
            return all(
                page.sum(f"pg_stat_statements_{name}", user=role) == pytest.approx(value, abs=1e-9)
                for name, value in wanted.items()
            )

        wait_for(equal, "every sum is the server's")
        page = ledger.read()
        assert page.value("pg_stat_statements_info_dealloc_total") >= 0
        assert page.value("pg_stat_statements_entries") > 5
        assert "pg_stat_statements_jit_functions_total" not in page.names


def test_our_own_statements_are_left_out(server: PostgresServer, observer: Serving) -> None:
    """What Observer's role asks is no workload of the service."""
    # A server full of an earlier test's statements throws ours out as soon as they are there.
    server.execute("app", "SELECT public.pg_stat_statements_reset()")
    page = observer.fresh("main")
    assert page.samples(CALLS, user="observer") == []
    assert page.samples("pg_stat_statements_seconds_total", user="observer") == []
    wait_for(lambda: on_the_server(server, "observer", "app") > 0, "the server has counted them")
    page = observer.fresh("main")
    assert page.samples(CALLS, user="observer") == []
