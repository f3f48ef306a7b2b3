"""Servers that lack something: the page stands, and what is missing is told with its remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from psycopg.pq import ExecStatus

from tests.conditions import wait_for
from tests.serving import BRISK, Serving

if TYPE_CHECKING:
    from pathlib import Path

    from observer.demo.servers import PostgresServer
    from tests.integration.conftest import PostgresFactory

CANARY = "kanarienvogel-8812"


@pytest.fixture
def server(private_postgres: PostgresFactory) -> PostgresServer:
    made = private_postgres()
    made.execute(
        "app", "CREATE ROLE watcher LOGIN", "GRANT pg_monitor TO watcher", "CREATE ROLE service LOGIN"
    )
    return made


def serving(
    server: PostgresServer, directory: Path, *, database: str = "app", user: str = "watcher"
) -> Serving:
    target = {"name": "main", "dsn": server.dsn(database, user=user)}
    return Serving(directory, {"postgres": [target], "scrape": BRISK})


def the_fault(observer: Serving, collector: str) -> dict[str, Any]:
    """The fault of a collector; whatever else fails has the same remedy, and the rest of the page stands."""
    observer.wait_up("main")
    page = observer.fresh("main")
    assert page.value("pg_up") == 1
    assert {"pg_locks_count", "pg_stat_activity_count", "pg_settings_max_connections"} <= page.names
    assert page.value("pg_scrape_collector_success", collector=collector) == 0
    assert page.value("pg_scrape_collector_success", collector="locks") == 1
    status = observer.status("main")
    assert status["state"] == "degraded"
    # What rests on the same missing thing may not be told twice.
    found = [fault for fault in status["faults"] if fault["collector"] == collector]
    assert len(found) == 1
    # Others may lack the same right; nothing else fails.
    assert {fault["remedy"] for fault in status["faults"]} == {found[0]["remedy"]}
    assert observer.client.get("/readyz").status_code == 200
    fault: dict[str, Any] = found[0]
    return fault


def test_extension_that_is_not_created(server: PostgresServer, tmp_path: Path) -> None:
    """The database is named in which to create it."""
    server.execute("app", "DROP EXTENSION pg_stat_statements")
    with serving(server, tmp_path) as observer:
        fault = the_fault(observer, "stat_statements")
        assert fault["code"] == "not-available"
        assert "database app" in fault["what"]
        assert "CREATE EXTENSION pg_stat_statements" in fault["remedy"]


def test_extension_that_is_not_loaded(server: PostgresServer, tmp_path: Path) -> None:
    """That the library must be loaded at the server's start is told, and in which setting."""
    server.configure({"shared_preload_libraries": ""})
    server.restart()
    with serving(server, tmp_path) as observer:
        fault = the_fault(observer, "stat_statements")
        assert fault["code"] == "not-available"
        assert "shared_preload_libraries" in fault["remedy"]


def test_role_without_pg_monitor(server: PostgresServer, tmp_path: Path) -> None:
    """What the role may not see is absent and explained; nothing is counted under a made-up name."""
    server.execute("app", "CREATE ROLE poor LOGIN")
    with serving(server, tmp_path, user="poor") as observer:
        fault = the_fault(observer, "stat_statements")
        assert fault["code"] == "permission"
        assert "GRANT pg_monitor" in fault["remedy"]
        page = observer.page()
        assert page.samples("pg_stat_statements_calls_total") == []
        assert "insufficient privilege" not in page.text


def poison(server: PostgresServer) -> None:
    """Record a statement whose text is Latin-1, from a database that knows no encoding."""
    with server.connect() as connection:
        connection.execute("CREATE DATABASE bytes TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
        connection.execute("GRANT pg_monitor TO service")
    with server.connect("bytes", user="service") as connection:
        connection.execute("SET client_encoding TO 'SQL_ASCII'")
        for _ in range(3):
            result = connection.pgconn.exec_(b'SELECT 1 AS "caf\xe9"')
            assert result.status == ExecStatus.TUPLES_OK


def test_texts_that_are_in_no_encoding(server: PostgresServer, tmp_path: Path) -> None:
    """The server refuses to give any text; the numbers go on, and the remedy heals."""
    poison(server)
    with serving(server, tmp_path) as observer:
        fault = the_fault(observer, "stat_statements_texts")
        assert fault["code"] == "not-available"
        page = observer.page()
        assert page.samples("pg_stat_statements_calls_total", datname="bytes") != []
        _, _, remedy = fault["remedy"].partition(": ")
    with server.connect("app") as connection:
        connection.execute(remedy.encode())
    with serving(server, tmp_path) as observer:
        observer.wait_up("main")
        assert observer.fresh("main").value("pg_exporter_last_scrape_error") == 0


def test_a_database_without_an_encoding(server: PostgresServer, tmp_path: Path) -> None:
    """Connected to it, bytes that are no UTF-8 are shown as replaced characters, and nothing fails."""
    poison(server)
    server.execute("bytes", "CREATE EXTENSION pg_stat_statements")
    with serving(server, tmp_path, database="bytes") as observer:
        observer.wait_up("main")
        texts: list[str] = []

        def told() -> bool:
            page = observer.fresh("main")
            texts[:] = [labels["query"] for labels, _ in page.samples("pg_stat_statements_query_id")]
            return any("caf" in text for text in texts)

        wait_for(told, "the text is on the page")
        assert any("caf\ufffd" in text for text in texts)
        assert observer.status("main")["faults"] == []


def test_passwords_in_statements_are_redacted(server: PostgresServer, tmp_path: Path) -> None:
    """The server keeps utility statements as they were written; no password in them leaves the process."""
    with server.connect("app") as connection:
        for statement in (
            f"ALTER ROLE service PASSWORD '{CANARY}'",
            f"CREATE ROLE other LOGIN PASSWORD '{CANARY}'",
            f"ALTER ROLE other PASSWORD $secret${CANARY}$secret$",
            f"ALTER ROLE other PASSWORD E'{CANARY}' /* {CANARY} */ -- {CANARY}",
            f"SET application_name = '{CANARY}'",
            f'SET SESSION search_path TO "{CANARY}", public',
        ):
            connection.execute(statement.encode())
        connection.execute("RESET search_path")
        [(kept,)] = connection.execute(
            "SELECT count(*) FROM public.pg_stat_statements WHERE query LIKE %s", (f"%{CANARY}%",)
        ).fetchall()
        assert kept >= 3  # since PostgreSQL 18 the server hides the values of SET itself, and no password
    with serving(server, tmp_path) as observer:
        observer.wait_up("main")
        page = observer.fresh("main")
        texts = [labels["query"] for labels, _ in page.samples("pg_stat_statements_query_id")]
        assert any(text.startswith("ALTER ROLE service PASSWORD ?") for text in texts)
        everything = [page.text, observer.output]
        everything += [observer.client.get(path).text for path in ("/", "/status.json", "/metrics/main")]
        assert not any(CANARY in text for text in everything)
