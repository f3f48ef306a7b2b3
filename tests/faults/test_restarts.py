"""Servers that stop, crash and come back: the up-metrics tell the truth and the others are left in peace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from observer.demo.servers import PgBouncerServer
from tests.conditions import wait_for
from tests.serving import BRISK, ActuatorServer, Page, Serving

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from observer.demo.servers import PostgresServer, RedisServer
    from tests.integration.conftest import PostgresFactory, ProxyFactory

OF_ITSELF = ("pg_up", "pg_exporter_", "pg_scrape_collector_")


def of_the_server(page: Page) -> set[str]:
    """The series that only a server that answers can have."""
    return {name for name in page.names if name.startswith("pg_") and not name.startswith(OF_ITSELF)}


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_database_that_stops_and_starts(
    private_postgres: PostgresFactory, redis_server: RedisServer, tmp_path: Path, mode: str
) -> None:
    """``pg_up`` is 0 within seconds and alone; then all is back; one log line for each turn."""
    server = private_postgres()
    server.execute("app", "CREATE TABLE sized AS SELECT 1 AS one")
    config = {
        "postgres": [{"name": "main", "dsn": server.dsn("app")}],
        "redis": [{"name": "cache", "url": redis_server.url, "password": "redis-secret"}],
        "scrape": BRISK,
    }
    with Serving(tmp_path, config) as observer:
        observer.wait_up("main")
        before = of_the_server(observer.fresh("main"))
        server.stop("fast" if mode == "fast" else "immediate")
        down = observer.wait_up("main", up=False)
        assert down.value("pg_up") == 0
        assert of_the_server(down) == set()
        for _ in range(5):
            observer.fresh("main")
            assert observer.seconds() < 1
        assert observer.fresh("cache").value("redis_up") == 1
        assert observer.client.get("/readyz").status_code == 200
        assert observer.client.get("/healthz").status_code == 200
        [fault] = observer.status("main")["faults"]
        assert fault["code"] == "unreachable"
        server.start()
        observer.wait_up("main")
        back = observer.fresh("main")
        assert before - of_the_server(back) == set()
        assert observer.status("main")["faults"] == []
        # Its words change as a server goes and comes; it is one fault all the same.
        assert len(observer.events("fault", target="main")) == 1
        assert len(observer.events("fault.over", target="main")) == 1
        assert observer.events("fault", target="cache") == []


def terminate_idle(killer: psycopg.Connection) -> list[tuple[bool]]:
    """Terminate Observer's connection, unless it lies between two queries of one collection."""
    return killer.execute(
        "SELECT pg_catalog.pg_terminate_backend(pid, 5000) FROM pg_catalog.pg_stat_activity"
        " WHERE application_name LIKE 'observer/%' AND datname = 'app' AND state = 'idle'"
        " AND pg_catalog.clock_timestamp() - state_change > interval '100 ms'"
    ).fetchall()


def test_connections_that_are_terminated_leave_no_gap(
    private_postgres: PostgresFactory, tmp_path: Path
) -> None:
    """``pg_terminate_backend`` on our connection is not the server being down."""
    server = private_postgres()
    with (
        Serving(
            tmp_path, {"postgres": [{"name": "main", "dsn": server.dsn("app")}], "scrape": BRISK}
        ) as observer,
        server.connect() as killer,
    ):
        observer.wait_up("main")
        for _ in range(5):
            wait_for(lambda: terminate_idle(killer) == [(True,)], "a pause between two collections")
            page = observer.fresh("main")
            assert page.value("pg_up") == 1
            assert "pg_locks_count" in page.names
        assert observer.events("fault") == []


def test_a_redis_that_is_killed(private_redis: RedisServer, tmp_path: Path) -> None:
    """``redis_up`` goes to 0 alone, and everything is back with the server."""
    config = {"redis": [{"name": "cache", "url": private_redis.url}], "scrape": BRISK}
    with Serving(tmp_path, config) as observer:
        before = observer.wait_up("cache").names
        private_redis.kill()
        down = observer.wait_up("cache", up=False)
        assert down.value("redis_up") == 0
        assert "redis_memory_used_bytes" not in down.names
        private_redis.start()
        observer.wait_up("cache")
        assert before - observer.fresh("cache").names == set()
        assert len(observer.events("fault.over", target="cache")) == 1


def test_a_pgbouncer_that_is_killed(postgres: PostgresServer, server_directory: Path, tmp_path: Path) -> None:
    """``pgbouncer_up`` goes to 0 alone, and everything is back with the server."""
    bouncer = PgBouncerServer.create(
        server_directory / "pgbouncer",
        databases={"app": f"host={postgres.host} port={postgres.port} dbname=app"},
        users={"admin": "a", "stats": "s"},
    )
    config = {"pgbouncer": [{"name": "pool", "dsn": bouncer.dsn(user="stats")}], "scrape": BRISK}
    with bouncer, Serving(tmp_path, config) as observer:
        before = observer.wait_up("pool").names
        bouncer.kill()
        down = observer.wait_up("pool", up=False)
        assert down.value("pgbouncer_up") == 0
        assert "pgbouncer_pools_client_active_connections" not in down.names
        bouncer.start()
        observer.wait_up("pool")
        assert before - observer.fresh("pool").names == set()


def test_a_service_that_goes_and_comes(tmp_path: Path, tcp_proxy: ProxyFactory) -> None:
    """``hikaricp_up`` tells of a replica that is being replaced."""
    with ActuatorServer() as actuator:
        port = int(actuator.url.split(":")[2].split("/")[0])
        proxy = tcp_proxy("127.0.0.1", port)
        url = f"http://127.0.0.1:{proxy.port}/actuator/prometheus"
        config = {"hikari": [{"name": "orders", "url": url}], "scrape": BRISK}
        with Serving(tmp_path, config) as observer:
            observer.wait_up("orders")
            proxy.refuse()
            down = observer.wait_up("orders", up=False)
            assert down.value("hikaricp_up") == 0
            assert "hikaricp_connections_active" not in down.names
            proxy.accept()
            assert "hikaricp_connections_active" in observer.wait_up("orders").names


def test_everything_down_at_start(
    private_postgres: PostgresFactory, private_redis: RedisServer, tmp_path: Path
) -> None:
    """It starts, is healthy, says what is down, and finds each server once it is there."""
    server = private_postgres()
    config = {
        "postgres": [{"name": "main", "dsn": server.dsn("app")}],
        "redis": [{"name": "cache", "url": private_redis.url}],
        "scrape": BRISK,
    }
    server.stop("immediate")
    private_redis.stop()
    with Serving(tmp_path, config) as observer:
        page = observer.wait_up("main", up=False)
        assert (page.value("pg_up"), page.value("redis_up")) == (0, 0)
        assert observer.client.get("/healthz").status_code == 200
        for _ in range(5):
            observer.fresh("main")
        assert len(observer.events("fault")) == 2
        server.start()
        private_redis.start()
        observer.wait_up("main")
        observer.wait_up("cache")
        wait_for(lambda: len(observer.events("fault.over")) == 2, "the ends of both faults are told")
