"""Servers for the demo and the tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest
import redis

from observer.demo.servers import (
    PostgresServer,
    PrometheusServer,
    RedisServer,
    ServerFailed,
    ordinary_account,
    private_directory,
)
from tests.conditions import processes_below, wait_for

if TYPE_CHECKING:
    from observer.demo.servers import PgBouncerServer
    from tests.integration.conftest import (
        AlertmanagerFactory,
        PostgresFactory,
        PrometheusFactory,
        ProxyFactory,
    )
    from tests.integration.network import BlackHole

ROOT = Path(__file__).resolve().parents[2]


def test_postgres_serves_statements(postgres: PostgresServer) -> None:
    """The shared server counts statements."""
    with postgres.connect("app") as connection:
        assert connection.execute("SELECT count(*) FROM public.pg_stat_statements").fetchone() is not None


@pytest.mark.usefixtures("hypopg")
def test_postgres_prices_what_if_indexes(postgres: PostgresServer) -> None:
    """And it has HypoPG."""
    with postgres.connect("app") as connection:
        assert connection.execute("SELECT count(*) FROM public.hypopg()").fetchone() == (0,)


def test_postgres_runs_as_an_ordinary_user(postgres: PostgresServer) -> None:
    """No server runs as root."""
    assert Path(f"/proc/{postgres.pid}").stat().st_uid != 0


def test_postgres_restarts_with_its_data(private_postgres: PostgresFactory) -> None:
    """A restart keeps the port and the data; changed settings count."""
    server = private_postgres(settings={"work_mem": "3MB"})
    server.execute("app", "CREATE TABLE kept AS SELECT 1 AS one")
    port, pid = server.port, server.pid
    server.configure({"work_mem": "5MB"})
    server.restart()
    assert (server.port, server.pid != pid) == (port, True)
    with server.connect("app") as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
        assert connection.execute("SHOW work_mem").fetchone() == ("5MB",)


def test_postgres_recovers_from_a_crash(private_postgres: PostgresFactory) -> None:
    """After an immediate stop, or a kill, the cluster starts again."""
    server = private_postgres(database=None)
    server.stop("immediate")
    assert not server.running
    server.start()
    busy = server.connect()
    busy.pgconn.send_query(b"DO $$ BEGIN LOOP NULL; END LOOP; END $$")  # never looks whether we live
    server.kill()
    assert server.process.exit_status == -signal.SIGKILL
    assert processes_below(server.directory) == []
    server.start()
    busy.close()
    with server.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_scram_wants_the_password(server_directory: Path) -> None:
    """A cluster made with SCRAM refuses a wrong password and takes its own."""
    with PostgresServer.create(server_directory / "pg", authentication="scram-sha-256") as server:
        server.connect().close()
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(server.dsn(user="postgres", password="wrong"))


def test_pgbouncer_pools_and_shows_its_console(pgbouncer: PgBouncerServer) -> None:
    """Clients reach the database through it, and the stats user reads the console."""
    with psycopg.connect(pgbouncer.dsn("app", user="postgres"), prepare_threshold=None) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("app",)
    with psycopg.connect(pgbouncer.dsn(user="stats"), autocommit=True) as console:
        console_cursor = psycopg.ClientCursor(console)
        assert "app" in [row[0] for row in console_cursor.execute("SHOW POOLS").fetchall()]


def test_redis_wants_its_password(redis_server: RedisServer) -> None:
    """The shared Redis keeps what it is given, for those who know the password."""
    with redis_server.connect() as client:
        client.set("key", "value")
        assert client.get("key") == "value"
    redis_without = RedisServer(
        directory=redis_server.directory, port=redis_server.port, account=None, password=None
    )
    with redis_without.connect() as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_prometheus_answers_and_reloads(prometheus_factory: PrometheusFactory) -> None:
    """Prometheus takes its configuration as data, answers queries and reads changes."""
    server = prometheus_factory({"global": {"scrape_interval": "1s"}})
    assert server.query("vector(1)")[0]["value"][1] == "1"
    server.write_config({"global": {"scrape_interval": "2s"}})
    server.reload()
    loaded = httpx.get(f"{server.url}/api/v1/status/config", trust_env=False).json()["data"]["yaml"]
    assert "scrape_interval: 2s" in loaded
    server.write_config({"no such key": 1})
    with pytest.raises(ServerFailed, match="no such key"):
        server.reload()


def test_alertmanager_takes_alerts(alertmanager_factory: AlertmanagerFactory) -> None:
    """Alertmanager takes its configuration as data and accepts an alert."""
    server = alertmanager_factory({"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]})
    alerts = f"{server.url}/api/v2/alerts"
    assert httpx.post(alerts, json=[{"labels": {"alertname": "Test"}}], trust_env=False).is_success
    shown = httpx.get(alerts, trust_env=False).json()
    assert [alert["labels"]["alertname"] for alert in shown] == ["Test"]


def test_a_server_that_cannot_start_says_why(server_directory: Path) -> None:
    """A failed start raises with the end of the server's log, and leaves no process."""
    server = PrometheusServer.create(server_directory / "prometheus", config={"nonsense": True})
    with pytest.raises(ServerFailed, match="field nonsense not found"):
        server.start()
    assert not server.running
    assert processes_below(server_directory) == []


def test_a_server_outlives_the_thread_that_started_it(server_directory: Path) -> None:
    """The kernel's death signal is tied to a thread; it must not be the caller's."""
    server = RedisServer.create(server_directory / "redis")
    starter = threading.Thread(target=server.start)
    starter.start()
    starter.join()
    with server, server.connect() as client:
        assert client.ping()
    assert not server.running


def test_stopped_servers_leave_nothing() -> None:
    """When the context managers are left there is no process and no directory."""
    with private_directory(account=ordinary_account()) as directory:
        with (
            PostgresServer.create(directory / "pg") as postgres,
            RedisServer.create(directory / "redis"),
            postgres.connect() as connection,
        ):
            assert connection.execute("SELECT 1").fetchone() == (1,)
            assert processes_below(directory)
        assert processes_below(directory) == []
    assert not directory.exists()


def test_no_orphan_when_the_owner_is_killed(server_directory: Path) -> None:
    """SIGKILL leaves the owner no chance to tidy up; its servers end all the same."""
    owner = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from observer.demo.servers import PostgresServer, PrometheusServer, RedisServer
        directory = Path(sys.argv[1])
        pg = PostgresServer.create(directory / "pg").start()
        RedisServer.create(directory / "redis").start()
        PrometheusServer.create(directory / "prometheus", config={}).start()
        idle = pg.connect()
        print("up", flush=True)
        time.sleep(600)
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", owner, str(server_directory)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        assert len(processes_below(server_directory)) > 3
        child.kill()
    wait_for(lambda: processes_below(server_directory) == [], "the servers are gone")


def test_black_hole_accepts_and_is_silent(black_hole: BlackHole) -> None:
    """A client that has no deadline of its own would wait for ever."""
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"http://{black_hole.host}:{black_hole.port}/", timeout=0.3, trust_env=False)
    assert black_hole.connections == 1


def test_proxy_can_be_paused_cut_and_closed(tcp_proxy: ProxyFactory, redis_server: RedisServer) -> None:
    """Each way to break the wire does what its name says, and can be mended."""
    proxy = tcp_proxy(redis_server.host, redis_server.port)

    def connect() -> socket.socket:
        return socket.create_connection((proxy.host, proxy.port), timeout=5)

    def ask(wire: socket.socket) -> bytes:
        wire.sendall(b"AUTH redis-secret\r\n")
        return wire.recv(100)

    with connect() as wire:
        assert ask(wire) == b"+OK\r\n"
        proxy.pause()
        wire.settimeout(0.2)
        with pytest.raises(TimeoutError):
            ask(wire)
        proxy.resume()
        assert wire.recv(100) == b"+OK\r\n"
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            wire.recv(100)
    with connect() as wire:
        assert ask(wire) == b"+OK\r\n"
        proxy.refuse()
        with pytest.raises(ConnectionResetError):
            wire.recv(100)
    with pytest.raises(ConnectionRefusedError):
        connect()
    proxy.accept()
    with connect() as wire:
        assert ask(wire) == b"+OK\r\n"
    assert proxy.accepted == 3
