"""Real servers for the integration tests; each is private to this test run and ends with it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from observer.demo.servers import (
    AlertmanagerServer,
    PgBouncerServer,
    PostgresServer,
    PrometheusServer,
    RedisServer,
    ordinary_account,
    private_directory,
)
from tests.integration.network import BlackHole, TcpProxy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SERVERS = {
    "postgres": {"postgres_bin_dir"},
    "hypopg": {"hypopg"},
    "pgbouncer": {"pgbouncer"},
    "redis": {"redis_server", "private_redis"},
    "prometheus": {"prometheus_factory"},
    "alertmanager": {"alertmanager_factory"},
}
"""Marks that tell which tests a server's version can break, and the fixtures that give them away.

A module that starts such a server by itself carries the mark in its ``pytestmark``.
"""

PGBOUNCER_USERS = {"admin": "admin-secret", "stats": "stats-secret", "postgres": "any-secret"}


@pytest.hookimpl(tryfirst=True)  # before pytest itself looks at the marks that -m asks for
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with the servers that its fixtures stand for."""
    for item in items:
        used = set(getattr(item, "fixturenames", ()))
        for mark, fixtures in SERVERS.items():
            if used & fixtures:
                item.add_marker(mark)


class PrometheusFactory(Protocol):
    def __call__(
        self, config: Path | Mapping[str, Any], *, flags: Sequence[str] = ()
    ) -> PrometheusServer: ...


class AlertmanagerFactory(Protocol):
    def __call__(self, config: Mapping[str, Any], *, flags: Sequence[str] = ()) -> AlertmanagerServer: ...


class PostgresFactory(Protocol):
    def __call__(
        self,
        *,
        settings: Mapping[str, str] | None = None,
        database: str | None = "app",
        extensions: tuple[str, ...] = ("pg_stat_statements",),
    ) -> PostgresServer: ...


class ProxyFactory(Protocol):
    def __call__(self, host: str, port: int) -> TcpProxy: ...


@pytest.fixture(scope="session")
def server_root() -> Iterator[Path]:
    """Where the servers of this run live; the servers' account may enter it, unlike ``tmp_path``."""
    with private_directory(prefix="observer-tests-", account=ordinary_account()) as path:
        yield path


@pytest.fixture
def server_directory() -> Iterator[Path]:
    """A directory of this test alone which the servers' account may enter."""
    with private_directory(prefix="observer-test-", account=ordinary_account()) as path:
        yield path


@pytest.fixture(scope="session")
def postgres_bin_dir() -> Path | None:
    """The version under test: programs in OBSERVER_TEST_POSTGRES_BIN, or the newest that is installed."""
    chosen = os.environ.get("OBSERVER_TEST_POSTGRES_BIN")
    return Path(chosen) if chosen else None


@pytest.fixture(scope="session")
def postgres(server_root: Path, postgres_bin_dir: Path | None) -> Iterator[PostgresServer]:
    """Shared by all tests; its database ``app`` has pg_stat_statements, and hypopg where it is offered."""
    with PostgresServer.create(server_root / "postgres", bin_dir=postgres_bin_dir) as server:
        more = ("hypopg",) if offers_hypopg(server) else ()
        server.create_database("app", extensions=("pg_stat_statements", *more))
        yield server


def offers_hypopg(server: PostgresServer) -> bool:
    query = b"SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'hypopg'"
    with server.connect() as connection:
        return connection.execute(query).fetchone() is not None


@pytest.fixture(scope="session")
def hypopg(postgres: PostgresServer) -> None:
    """For tests that need HypoPG: the matrix leaves them out where PostgreSQL comes without it."""
    assert offers_hypopg(postgres), "this PostgreSQL has no HypoPG: deselect these tests with -m 'not hypopg'"


@pytest.fixture(scope="session")
def pgbouncer(server_root: Path, postgres: PostgresServer) -> Iterator[PgBouncerServer]:
    """A PgBouncer in front of ``postgres``; users and passwords are in its ``users``."""
    databases = {"app": f"host={postgres.host} port={postgres.port} dbname=app"}
    with PgBouncerServer.create(
        server_root / "pgbouncer", databases=databases, users=PGBOUNCER_USERS
    ) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(server_root: Path) -> Iterator[RedisServer]:
    """A Redis with a password, shared by all tests."""
    with RedisServer.create(server_root / "redis", password="redis-secret") as server:
        yield server


@pytest.fixture
def private_postgres(server_directory: Path, postgres_bin_dir: Path | None) -> Iterator[PostgresFactory]:
    """Makes servers which the test may stop, lock and crash as it likes."""
    with contextlib.ExitStack() as stack:
        made: list[PostgresServer] = []

        def make(
            *,
            settings: Mapping[str, str] | None = None,
            database: str | None = "app",
            extensions: tuple[str, ...] = ("pg_stat_statements",),
        ) -> PostgresServer:
            server = PostgresServer.create(
                server_directory / f"postgres-{len(made)}", settings=settings, bin_dir=postgres_bin_dir
            )
            made.append(server)
            stack.callback(server.stop, "immediate")
            server.start()
            if database is not None:
                server.create_database(database, extensions=extensions)
            return server

        yield make


@pytest.fixture
def private_redis(server_directory: Path) -> Iterator[RedisServer]:
    """A running Redis without a password which the test may stop as it likes."""
    with RedisServer.create(server_directory / "redis") as server:
        yield server


@pytest.fixture
def prometheus_factory(server_directory: Path) -> Iterator[PrometheusFactory]:
    """Starts Prometheus servers from a configuration."""
    with contextlib.ExitStack() as stack:
        made: list[PrometheusServer] = []

        def make(config: Path | Mapping[str, Any], *, flags: Sequence[str] = ()) -> PrometheusServer:
            directory = server_directory / f"prometheus-{len(made)}"
            server = PrometheusServer.create(directory, config=config, flags=flags)
            made.append(server)
            return stack.enter_context(server)

        yield make


@pytest.fixture
def alertmanager_factory(server_directory: Path) -> Iterator[AlertmanagerFactory]:
    """Starts Alertmanagers from a configuration."""
    with contextlib.ExitStack() as stack:
        made: list[AlertmanagerServer] = []

        def make(config: Mapping[str, Any], *, flags: Sequence[str] = ()) -> AlertmanagerServer:
            directory = server_directory / f"alertmanager-{len(made)}"
            server = AlertmanagerServer.create(directory, config=config, flags=flags)
            made.append(server)
            return stack.enter_context(server)

        yield make


@pytest.fixture
def black_hole() -> Iterator[BlackHole]:
    """A listener which accepts and never answers."""
    with BlackHole() as hole:
        yield hole


@pytest.fixture
def tcp_proxy() -> Iterator[ProxyFactory]:
    """Makes proxies in front of a server, whose wire can be held, cut or taken away."""
    with contextlib.ExitStack() as stack:
        yield lambda host, port: stack.enter_context(TcpProxy(host, port))
