"""All databases of a server: what each of them costs, what goes wrong in one, and that scrapes never wait."""

from __future__ import annotations

import statistics
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from observer.cli.sql import role_script
from observer.deadlines import Deadline, cut_off
from observer.demo.servers import PostgresServer, ordinary_account, private_directory
from observer.errors import ObserverError
from observer.exporter.postgres.collectors import sql_collectors
from observer.exporter.postgres.databases import Database
from observer.exporter.postgres.reading import FileQuestion, Reader
from observer.exporter.postgres.rounds import Rounds
from observer.exporter.postgres.sqlfile import parse
from observer.exporter.postgres.visits import Visits
from observer.targets.postgres import PostgresAddress, PostgresSession
from tests.conditions import wait_for
from tests.serving import BRISK, Page, Serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Self

MANY = 24
SCANS = "pg_stat_user_tables_n_live_tup"
SUCCESS = "pg_exporter_database_success"


@pytest.fixture(scope="module")
def server(postgres_bin_dir: Path | None) -> Iterator[PostgresServer]:
    """A server with a database of ours, `MANY` others with a table each, and our role."""
    with (
        private_directory(prefix="observer-databases-", account=ordinary_account()) as directory,
        PostgresServer.create(
            directory / "pg", settings={"log_connections": "on"}, bin_dir=postgres_bin_dir
        ) as made,
    ):
        made.create_database("app")
        with made.connect("app") as connection:
            connection.execute(role_script("observer").encode())
            connection.execute("CREATE TABLE mine AS SELECT 1 AS one")
        made.execute("postgres", "CREATE DATABASE many")
        made.execute("many", "CREATE TABLE theirs AS SELECT 1 AS one")
        with made.connect() as connection:
            for number in range(MANY - 1):
                copy = sql.SQL("CREATE DATABASE {} TEMPLATE many")
                connection.execute(copy.format(sql.Identifier(f"many_{number:02}")))
        yield made
        made.stop("immediate")


def config(server: PostgresServer, **databases: Any) -> dict[str, object]:
    databases = {"interval": "1s", "include": ["app", "many*"], **databases}
    # Two collectors are enough to tell databases apart, and make so many visits short.
    collectors = {
        file.name: file.name in ("stat_user_tables", "user_table_sizes")
        for file in sql_collectors()
        if file.scope == "database"
    }
    target = {
        "name": "main",
        "dsn": server.dsn("app", user="observer"),
        "databases": databases,
        "collectors": collectors,
    }
    return {"postgres": [target], "scrape": BRISK}


def names(page: Page, metric: str = SCANS) -> set[str]:
    return {labels["datname"] for labels, _ in page.samples(metric)}


class Sessions:
    """Watches from the server how many connections Observer has, and for how long one waits for a lock.

    A backend that was told to end is seen for a moment longer, on a busy machine for a long one: what counts
    is how many there were at each of a hundred looks.
    """

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self.most = 0
        self.waiting = 0
        """How many waited at the last look."""
        self.waits = 0
        """Looks, since the watcher was told to forget, at which any did."""
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(10)

    def forget(self) -> None:
        """Count what waits from now on."""
        self.waits = 0

    def _watch(self) -> None:
        looks: deque[int] = deque(maxlen=100)
        with self._server.connect() as connection:
            while not self._ending.wait(0.01):
                row = connection.execute(
                    "SELECT count(*), count(*) FILTER (WHERE wait_event_type = 'Lock')"
                    " FROM pg_catalog.pg_stat_activity WHERE usename = 'observer'"
                ).fetchone()
                assert row is not None
                looks.append(row[0])
                self.most, self.waiting = max(self.most, min(looks)), row[1]
                self.waits += row[1] > 0


def test_many_databases_cost_no_scrape_its_speed(server: PostgresServer, tmp_path: Path) -> None:
    """Every database's tables come to be on the page, by two connections, while scrapes stay quick."""
    with Serving(tmp_path, config(server)) as observer, Sessions(server) as sessions:
        observer.wait_up("main")
        taken: list[float] = []

        def all_there() -> bool:
            taken.append(observer.seconds())
            return len(names(observer.page())) == MANY + 1

        wait_for(all_there, "tables of all databases", seconds=150)
        taken += [observer.seconds() for _ in range(20)]
        page = observer.fresh("main")
        assert statistics.median(taken) < 0.5
        assert page.sum(SUCCESS) == MANY
        assert page.value(SCANS, datname="many_07", relname="theirs") >= 0
        assert names(page, "pg_stat_user_tables_table_size_bytes") == names(page)
        lines = [line.rpartition(" ")[0] for line in page.text.splitlines() if line[:1] != "#"]
        assert len(lines) == len(set(lines))
        assert page.sum("pg_stat_user_tables_n_live_tup", datname="app") >= 0
        assert observer.status("main")["faults"] == []
        assert observer.status("main")["facts"]["databases"] == str(MANY + 1)
        # Asked for from the server's side: nothing of ours was ever open beside these.
        assert 1 <= sessions.most <= 2


def test_what_happens_in_one_database_is_its_own(server: PostgresServer, tmp_path: Path) -> None:
    """One is dropped, one renamed, one refuses, one's catalogue is locked: the others stay, nobody waits.

    A visit that was in the database when its catalogue was locked gives up after ``lock_timeout``, and none
    follows it.
    """
    for name in ("odd_dropped", "odd_renamed", "odd_refuses", "odd_locked", "odd_fine"):
        server.execute("postgres", sql.SQL("CREATE DATABASE {} TEMPLATE many").format(sql.Identifier(name)))
    with Serving(tmp_path, config(server, include=["app", "odd*"])) as observer:
        observer.wait_up("main")
        wait_for(lambda: len(names(observer.page())) == 6, "tables of all")
        with server.connect("odd_locked") as holder, holder.transaction(), Sessions(server) as sessions:
            holder.execute("LOCK TABLE pg_catalog.pg_class IN ACCESS EXCLUSIVE MODE")
            wait_for(lambda: observer.page().sum(SUCCESS) == 4, "the lock is noticed")
            wait_for(lambda: sessions.waiting == 0, "the visit that was under way gives up")
            sessions.forget()
            server.execute("postgres", "ALTER DATABASE odd_refuses CONNECTION LIMIT 0")
            _free(server, "DROP DATABASE odd_dropped")
            _free(server, "ALTER DATABASE odd_renamed RENAME TO odd_other")
            wait_for(
                lambda: (
                    names(observer.page()) >= {"app", "odd_other", "odd_fine"}
                    and not names(observer.page()) & {"odd_dropped", "odd_renamed"}
                ),
                "the renamed one under its new name, and the dropped one gone",
            )
            wait_for(lambda: observer.page().sum(SUCCESS) == 2, "the other two are told to fail")
            page = observer.fresh("main")
            assert page.value(SUCCESS, datname="odd_fine") == page.value(SUCCESS, datname="odd_other") == 1
            assert (
                page.value(SUCCESS, datname="odd_locked") == page.value(SUCCESS, datname="odd_refuses") == 0
            )
            assert page.value("pg_up") == 1
            assert page.value("pg_scrape_collector_success", collector="databases") == 0
            assert page.value("pg_scrape_collector_success", collector="stat_user_tables") == 1
            [fault] = observer.status("main")["faults"]
            assert fault["what"].startswith("database odd_locked (and 1 more databases):")
            assert "databases: {exclude: [odd_locked]}" in fault["remedy"]
            # Their numbers are shown for three intervals, then dropped.
            wait_for(
                lambda: names(observer.page()) == {"app", "odd_other", "odd_fine"}, "old numbers are dropped"
            )
            assert sessions.waits == 0
            assert sessions.most <= 3
        wait_for(lambda: "odd_locked" in names(observer.page()), "what was locked is back")
        [fault] = observer.status("main")["faults"]
        assert fault["what"].startswith("database odd_refuses: ")


def test_a_locked_list_of_databases_is_not_a_server_that_is_down(
    server: PostgresServer, tmp_path: Path
) -> None:
    """While pg_database cannot be read the visits fail, and everything that does not need it goes on."""
    with Serving(tmp_path, config(server, include=["app"])) as observer:
        observer.wait_up("main")
        with server.connect("app") as holder, holder.transaction():
            holder.execute("LOCK TABLE pg_catalog.pg_database IN ACCESS EXCLUSIVE MODE")
            page = observer.fresh("main")
            assert page.value("pg_up") == 1
            assert page.value("pg_scrape_collector_success", collector="databases") == 0
            assert page.value("pg_scrape_collector_success", collector="stat_user_tables") == 1
            assert page.value(SCANS, datname="app", relname="mine") >= 0
        page = observer.fresh("main")
        assert page.value("pg_scrape_collector_success", collector="databases") == 1


def test_the_first_question_of_a_session_is_bounded(server: PostgresServer) -> None:
    """What a new connection asks before anything else waits for no lock for long, however the role is set."""
    server.execute("postgres", "CREATE DATABASE first_question TEMPLATE many", "CREATE ROLE unset LOGIN")
    session = PostgresSession(
        PostgresAddress.parse(server.dsn("first_question", user="unset"), lambda: None),
        statement_timeout=30,
        lock_timeout=0.1,
    )
    with server.connect("first_question") as holder, holder.transaction():
        holder.execute("LOCK TABLE pg_catalog.pg_extension IN ACCESS EXCLUSIVE MODE")
        deadline = Deadline(20, "the first question")
        with cut_off(deadline, session.abort), pytest.raises(ObserverError, match="lock"):
            session.facts(deadline)
        assert not session.connected
    facts = session.facts(Deadline(20, "the first question"))
    [(timeout, transaction)] = session.rows(
        b"SELECT pg_catalog.current_setting('lock_timeout'), pg_catalog.pg_current_xact_id_if_assigned()",
        deadline=Deadline(20, "the second question"),
    )
    session.close()
    assert (facts.database, timeout, transaction) == ("first_question", "100ms", None)


def _free(server: PostgresServer, statement: str) -> None:
    """Run what needs a database without connections; a visit of ours may be under way."""

    def done() -> bool:
        try:
            with server.connect() as connection:
                connection.execute(statement.encode())
        except psycopg.errors.ObjectInUse:
            return False
        return True

    wait_for(done, statement)


def test_a_database_that_hangs_is_left_for_the_next(server: PostgresServer) -> None:
    """Even where its locks could not be seen beforehand: the visit ends by itself, the other has its turn."""
    server.execute("postgres", "CREATE DATABASE hang_a TEMPLATE many", "CREATE DATABASE hang_b TEMPLATE many")
    collector = parse(
        "/* {prefix: t_, scope: database, labels: [datname], metrics: {tables: {gauge: Tables.}}} */"
        " SELECT pg_catalog.current_database(), count(*) FROM pg_catalog.pg_stat_user_tables",
        name="tables",
    )
    session = PostgresSession(
        PostgresAddress.parse(server.dsn("app", user="observer"), lambda: None),
        statement_timeout=3,
        lock_timeout=0.1,
    )
    visits = Visits(
        "main",
        session_to=session.beside,
        readers=lambda: [Reader(FileQuestion(collector, insisted=False), clock=0)],
        rounds=Rounds(0.2),
        deadline=2.0,
    )
    databases = [Database(name, here=False, locked=False) for name in ("hang_a", "hang_b")]
    try:
        with server.connect("hang_a") as holder, holder.transaction():
            holder.execute("LOCK TABLE pg_catalog.pg_class IN ACCESS EXCLUSIVE MODE")
            visits.follow(databases, standby=False)
            wait_for(lambda: len(visits.states()) == 2, "both have had their turn")
            assert {state.name: state.ok for state in visits.states()} == {"hang_a": False, "hang_b": True}
            outcome = visits.outcome()
            assert outcome is not None
            assert outcome.families is not None
            assert outcome.fault is not None
            assert [family.samples for family in outcome.families] == [[("", 'datname="hang_b"', 1)]]
            assert outcome.fault.sentence.startswith("database hang_a: ")
            assert visits.connections <= 1
        visits.pause()
        visits.follow(databases, standby=False)
        wait_for(lambda: all(state.ok for state in visits.states()), "free again, it is read again")
    finally:
        visits.stop(5)
    assert visits.connections == 0
