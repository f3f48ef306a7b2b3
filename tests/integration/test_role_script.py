"""The role that ``observer sql role`` makes: enough for Observer, and for nothing else."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import errors, sql

from observer.demo.servers import PgBouncerServer
from observer.demo.servers.process import find_program
from tests.conditions import wait_for
from tests.serving import BRISK, ROOT, Serving

if TYPE_CHECKING:
    from pathlib import Path

    from observer.demo.servers import PostgresServer
    from tests.integration.conftest import PostgresFactory

SETTINGS = (
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "default_transaction_read_only",
    "search_path",
    "jit",
    "max_parallel_workers_per_gather",
)


@pytest.fixture
def server(private_postgres: PostgresFactory) -> PostgresServer:
    """A server whose database has tables in two schemas, and not yet the extension."""
    made = private_postgres(extensions=())
    made.execute(
        "app",
        "CREATE SCHEMA shop",
        "CREATE TABLE public.diary AS SELECT 1 AS one",
        "CREATE TABLE shop.item AS SELECT 1 AS one",
    )
    return made


OPEN_SCHEMA = "REVOKE CREATE ON SCHEMA public FROM PUBLIC"


def apply_script(server: PostgresServer, *options: str) -> str:
    """What the script's own header says: print it and hand it to psql; what psql told."""
    script = subprocess.run(
        [sys.executable, "-m", "observer", "sql", "role", *options],
        cwd=ROOT,
        capture_output=True,
        timeout=30,
        check=True,
    )
    assert script.stderr == b""
    # Not every distribution of the server brings the client.
    own = server.bin_dir / "psql"
    psql = str(own) if own.exists() else find_program("psql", package="postgresql-client")
    done = subprocess.run(
        [psql, "-X", "-v", "ON_ERROR_STOP=1", "-d", server.dsn("app")],
        input=script.stdout,
        capture_output=True,
        timeout=30,
        check=False,
    )
    told = done.stderr.decode()
    assert done.returncode == 0, told
    return told


def may(server: PostgresServer, role: str, statement: str) -> bool:
    """Whether a role may do something once it has thrown off its read-only setting."""
    with server.connect("app", user=role) as connection:
        connection.execute("SET default_transaction_read_only = off")
        try:
            connection.execute(statement.encode())
        except errors.InsufficientPrivilege:
            return False
        return True


@pytest.mark.parametrize(
    ("options", "readable"),
    [
        ((), set()),
        (("--explain", "read-all"), {"public.diary", "shop.item", "shop.later"}),
        (("--explain", "schema", "--schema", "shop"), {"shop.item", "shop.later"}),
    ],
    ids=["none", "read-all", "schema"],
)
def test_the_role_may_read_what_was_chosen_and_write_nothing(
    server: PostgresServer, options: tuple[str, ...], readable: set[str]
) -> None:
    """It can be applied twice; the role writes nothing and reads only what its mode says."""
    for _ in range(2):
        told = apply_script(server, *options)
    # What everybody may do no grant of a role can forbid; since PostgreSQL 15 it is not so by default.
    assert (OPEN_SCHEMA in told) == (server.version < 15)
    server.execute("app", OPEN_SCHEMA)
    server.execute("app", "CREATE TABLE shop.later AS SELECT 1 AS one")
    tables = ("public.diary", "shop.item", "shop.later")
    assert {table for table in tables if may(server, "observer", f"SELECT * FROM {table}")} == readable
    for statement in (
        "CREATE TABLE public.mine (one int)",
        "CREATE TABLE shop.mine (one int)",
        "INSERT INTO public.diary VALUES (2)",
        "UPDATE shop.item SET one = 2",
        "DROP TABLE public.diary",
        "CREATE ROLE another",
        "SELECT pg_catalog.pg_read_file('/etc/passwd')",
    ):
        assert not may(server, "observer", statement), statement
    with server.connect("app", user="observer") as connection, pytest.raises(errors.ReadOnlySqlTransaction):
        connection.execute("CREATE TEMP TABLE mine (one int)")


@pytest.mark.parametrize("name", ["observer", "odd \"name' of $$ a role"])
def test_observer_finds_nothing_missing_with_it(server: PostgresServer, tmp_path: Path, name: str) -> None:
    """With this role no collector fails; one connection asks the server, one visits its databases in turn."""
    apply_script(server, "--name", name)
    server.execute("app", sql.SQL("ALTER ROLE {} CONNECTION LIMIT 2").format(sql.Identifier(name)))
    target = {"name": "main", "dsn": server.dsn("app", user=name)}
    with Serving(tmp_path, {"postgres": [target], "scrape": BRISK}) as observer:
        observer.wait_up("main")
        page = observer.fresh("main")
        assert page.value("pg_exporter_last_scrape_error") == 0
        assert {value for _, value in page.samples("pg_scrape_collector_success")} == {1}
        assert observer.status("main")["faults"] == []
        sizes = page.samples("pg_stat_user_tables_table_size_bytes")
        assert {labels["relname"] for labels, _ in sizes} == {"diary", "item"}
        assert page.samples("pg_stat_statements_calls_total", user="postgres") != []


def test_through_a_pooler_nothing_leaks(
    server: PostgresServer, server_directory: Path, tmp_path: Path
) -> None:
    """In transaction mode it works, warns, and leaves no setting to the next client of the connection."""
    apply_script(server)
    bouncer = PgBouncerServer.create(
        server_directory / "pgbouncer",
        databases={"app": f"host={server.host} port={server.port} dbname=app"},
        users={"admin": "a", "stats": "s", "observer": "secret"},
        settings={"default_pool_size": "1", "pool_mode": "transaction"},
    )
    target = {"name": "main", "dsn": bouncer.dsn("app", user="observer")}
    with (
        bouncer,
        psycopg.connect(
            bouncer.dsn("app", user="observer"), autocommit=True, prepare_threshold=None
        ) as other,
    ):

        def settings() -> list[tuple[str, ...]]:
            return [
                *(
                    other.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchall()[0]
                    for name in SETTINGS
                ),
                *other.execute("SELECT pg_catalog.pg_backend_pid()::text").fetchall(),
            ]

        before = settings()
        assert before[:2] == [("5s",), ("300ms",)]
        with Serving(tmp_path, {"postgres": [target], "scrape": BRISK}) as observer:
            observer.wait_up("main")
            for _ in range(8):
                page = observer.fresh("main")
                # The same server connection, with the same settings.
                assert settings() == before
            assert page.value("pg_exporter_last_scrape_error") == 0
            status = observer.status("main")
            assert status["faults"] == []
            assert "pooler" in status["facts"]["warning"]
            assert "pooler" in observer.client.get("/").text
        # A last collection that was cut off takes the server connection with it: settings count, not the pid.
        wait_for(lambda: settings()[:-1] == before[:-1], "the connection is free again")
