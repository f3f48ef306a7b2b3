"""PgBouncer's console on a page: upstream's names, who waits, and the truth while it is paused or alone."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

import psycopg
import pytest

from observer.demo.servers import PgBouncerServer
from tests.collecting import Collecting, Seen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from observer.demo.servers import PostgresServer
    from tests.integration.conftest import PostgresFactory

USERS = {"admin": "admin-secret", "stats": "stats-secret", "postgres": "any-secret"}

POOLS = """
    client_active client_waiting client_active_cancel client_waiting_cancel server_active
    server_active_cancel server_being_canceled server_idle server_used server_testing server_login
"""

WITH_LABELS = {
    **{f"pools_{state}_connections": {"database", "user"} for state in POOLS.split()},
    "pools_client_maxwait_seconds": {"database", "user"},
    **{
        f"stats_totals_{name}_total": {"database"}
        for name in (
            *("queries_pooled", "queries_duration_seconds", "received_bytes", "sent_bytes"),
            *("client_wait_seconds", "sql_transactions_pooled", "server_in_transaction_seconds"),
        )
    },
    **{
        f"databases_{name}": {"name", "host", "port", "database", "force_user", "pool_mode"}
        for name in (
            *("pool_size", "reserve_pool", "max_connections", "current_connections"),
            *("paused", "disabled", "min_pool_size"),
        )
    },
    "client_connections": {"database", "user", "application_name", "state"},
    "server_connections": {"database", "user", "application_name", "state"},
    "version_info": {"version"},
    "mem_bytes": {"name"},
}

WITHOUT_LABELS = """
    up config_max_client_connections config_max_client_conn config_max_user_connections
    databases users pools free_clients used_clients login_clients free_servers used_servers
    cached_dns_names cached_dns_zones in_flight_dns_queries
"""

LATER = {
    (1, 23): ("stats_totals_server_assignments_total",),
    (1, 24): (
        *("stats_totals_client_parses_total", "stats_totals_server_parses_total", "stats_totals_binds_total"),
        *("databases_max_client_connections", "users_current_client_connections", "active", "paused"),
    ),
}
"""Names by the version since which PgBouncer tells them; older ones cannot have them."""


@contextlib.contextmanager
def pooled(directory: Path, postgres: PostgresServer, **settings: str) -> Iterator[PgBouncerServer]:
    """A PgBouncer of this test alone, whose pool ``app`` has one server connection."""
    databases = {"app": f"host={postgres.host} port={postgres.port} dbname=app"}
    wanted = {"default_pool_size": "1", "query_wait_timeout": "20", **settings}
    with PgBouncerServer.create(directory, databases=databases, users=USERS, settings=wanted) as server:
        yield server


def watching(server: PgBouncerServer, *, user: str = "stats") -> Collecting:
    return Collecting({"pgbouncer": [{"name": "pool", "dsn": server.dsn(user=user)}]})


def client(server: PgBouncerServer, application: str) -> psycopg.Connection[tuple[object, ...]]:
    """A client of the pool."""
    return psycopg.connect(
        server.dsn("app", user="postgres"), autocommit=True, application_name=application, connect_timeout=10
    )


@contextlib.contextmanager
def waiting(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[None]:
    """Asks for a server connection that is not to be had until the block ends."""

    def ask() -> None:
        with contextlib.suppress(psycopg.Error):
            connection.execute("SELECT 1")

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        thread.join(30)
        assert not thread.is_alive()


def clients_waiting(seen: Seen) -> float:
    return seen.page.sum("pgbouncer_pools_client_waiting_connections", database="app")


def test_names_are_upstreams(pgbouncer: PgBouncerServer) -> None:
    """Every name of pgbouncer_exporter 0.12 with its type and labels."""
    with client(pgbouncer, "names") as connection, watching(pgbouncer) as observer:
        connection.execute("SELECT 1")
        seen = observer.collect("pool")
    assert seen.faults == {}
    page = seen.page
    for name, labels in WITH_LABELS.items():
        samples = page.samples(f"pgbouncer_{name}")
        assert samples, name
        assert {frozenset(found) for found, _ in samples} == {frozenset(labels)}, name
        kind = "counter" if name.endswith("_total") else "gauge"
        assert f"# TYPE pgbouncer_{name} {kind}\n" in page.text
    for name in WITHOUT_LABELS.split():
        assert page.value(f"pgbouncer_{name}") >= 0
        assert f"# TYPE pgbouncer_{name} gauge\n" in page.text
    [(version, _)] = page.samples("pgbouncer_version_info")
    number = tuple(map(int, version["version"].split(".")[:2]))
    later = {f"pgbouncer_{name}": since for since, names in LATER.items() for name in names}
    assert {name for name in later if name in page.names} == {
        n for n, since in later.items() if number >= since
    }


def test_who_waits_and_who_holds(server_directory: Path, postgres: PostgresServer) -> None:
    """One transaction holds the only server connection: it and the application that waits are named."""
    app = {"database": "app", "user": "postgres"}
    with (
        pooled(server_directory / "pool", postgres) as server,
        watching(server) as observer,
        client(server, "holder") as holder,
        client(server, "waiter") as waiter,
    ):
        waiter.execute("SELECT 1")
        holder.execute("BEGIN")
        holder.execute("SELECT 1")
        with waiting(waiter):
            observer.until("pool", lambda seen: clients_waiting(seen) == 1, "a client waits")
            # The lists of connections may be read less often than the rest.
            seen = observer.until(
                "pool",
                lambda seen: seen.page.sum("pgbouncer_client_longest_wait_seconds", **app) > 0,
                "the list of clients tells it",
            )
            assert seen.faults == {}
            page = seen.page
            clients = {
                (labels["application_name"], labels["state"]): value
                for labels, value in page.samples("pgbouncer_client_connections", **app)
            }
            assert clients == {("holder", "active"): 1, ("waiter", "waiting"): 1}
            assert page.value("pgbouncer_client_longest_wait_seconds", application_name="holder") == 0
            assert page.value("pgbouncer_client_longest_wait_seconds", application_name="waiter") > 0
            assert page.value("pgbouncer_pools_client_maxwait_seconds", **app) > 0
            holder.execute("COMMIT")
        seen = observer.until(
            "pool", lambda seen: bool(seen.page.samples("pgbouncer_server_connections", **app)), "servers"
        )
        assert seen.page.sum("pgbouncer_server_connections", **app) == 1
        assert seen.page.value("pgbouncer_stats_totals_client_wait_seconds_total", database="app") > 0


def test_a_paused_database_is_told(server_directory: Path, postgres: PostgresServer) -> None:
    """The console answers, so it is up; the database is paused, and its client waits."""
    with (
        pooled(server_directory / "pool", postgres) as server,
        watching(server) as observer,
        client(server, "patient") as patient,
        psycopg.connect(server.dsn(user="admin"), autocommit=True) as admin,
    ):
        patient.execute("SELECT 1")
        admin.execute("PAUSE app")
        with waiting(patient):
            seen = observer.until("pool", lambda seen: clients_waiting(seen) == 1, "a client waits")
            assert seen.faults == {}
            assert seen.page.value("pgbouncer_up") == 1
            assert seen.page.value("pgbouncer_databases_paused", database="app") == 1
            admin.execute("RESUME app")
        assert observer.collect("pool").page.value("pgbouncer_databases_paused", database="app") == 0


def test_a_suspended_one_still_tells(server_directory: Path, postgres: PostgresServer) -> None:
    """The connection that stands goes on, and where the version tells it the page says so."""
    with pooled(server_directory / "pool", postgres) as server, watching(server) as observer:
        assert observer.collect("pool").reading.up
        with psycopg.connect(server.dsn(user="admin"), autocommit=True) as admin:
            admin.execute("SUSPEND")
            seen = observer.collect("pool")
            assert (seen.page.value("pgbouncer_up"), seen.faults) == (1, {})
            if "pgbouncer_suspended" in seen.page.names:
                assert seen.page.value("pgbouncer_suspended") == 1
                assert seen.page.value("pgbouncer_active") == 0
            admin.execute("RESUME")
        assert observer.collect("pool").reading.up


def test_without_its_database_it_is_up(server_directory: Path, private_postgres: PostgresFactory) -> None:
    """PostgreSQL is gone: the console still answers, clients wait, and no server connection is made up."""
    postgres = private_postgres()
    with pooled(server_directory / "pool", postgres, query_wait_timeout="4") as server:
        with watching(server) as observer, client(server, "patient") as patient:
            patient.execute("SELECT 1")
            postgres.stop("immediate")
            with waiting(patient):
                seen = observer.until("pool", lambda seen: clients_waiting(seen) == 1, "a client waits")
                assert seen.faults == {}
                assert seen.page.value("pgbouncer_up") == 1
                assert seen.page.sum("pgbouncer_pools_server_active_connections", database="app") == 0
                assert seen.page.sum("pgbouncer_pools_server_idle_connections", database="app") == 0
        server.stop()
        with watching(server) as observer:
            seen = observer.collect("pool")
            assert seen.page.value("pgbouncer_up") == 0
            assert seen.faults[""].code == "unreachable"


@pytest.mark.parametrize("auth_type", ["scram-sha-256", "md5", "plain", "trust"])
def test_every_way_to_authenticate(server_directory: Path, postgres: PostgresServer, auth_type: str) -> None:
    """A user of stats_users gets in with what the console asks for, and needs no other right."""
    with (
        pooled(server_directory / "pool", postgres, auth_type=auth_type) as server,
        watching(server) as observer,
    ):
        seen = observer.collect("pool")
        assert (seen.page.value("pgbouncer_up"), seen.faults) == (1, {})


def test_a_user_without_the_right(server_directory: Path, postgres: PostgresServer) -> None:
    """Whoever is in neither list is refused, and the remedy names the list."""
    with (
        pooled(server_directory / "pool", postgres) as server,
        watching(server, user="postgres") as observer,
    ):
        seen = observer.collect("pool")
        assert seen.page.value("pgbouncer_up") == 0
        assert seen.faults[""].code == "permission"
        assert "stats_users" in seen.faults[""].remedy
