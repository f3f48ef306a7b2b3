"""Targets that accept and never answer: each has its own deadline, and costs the page nothing."""

from __future__ import annotations

import os
import signal
import statistics
import time
from typing import TYPE_CHECKING

from tests.conditions import wait_for
from tests.serving import BRISK, Serving

if TYPE_CHECKING:
    from pathlib import Path

    from observer.demo.servers import PostgresServer, RedisServer
    from tests.integration.conftest import PostgresFactory, ProxyFactory
    from tests.integration.network import BlackHole

DEADLINE = 2.0
"""Of a collection in these tests, in seconds."""

PROMPT = 0.5
"""Seconds that a page may take at the most while a target hangs; as a rule it takes a hundredth of it."""

KINDS = ("postgres", "pgbouncer", "redis", "hikari")


def test_black_holes_of_every_kind(postgres: PostgresServer, black_hole: BlackHole, tmp_path: Path) -> None:
    """They are down by their own up-metrics, the page is prompt, and the others are fresh."""
    place = f"{black_hole.host}:{black_hole.port}"
    config = {
        "postgres": [
            {"name": "main", "dsn": postgres.dsn("app")},
            {"name": "hole-postgres", "dsn": f"postgresql://nobody@{place}/app"},
        ],
        "pgbouncer": [{"name": "hole-pgbouncer", "dsn": f"postgresql://nobody@{place}/pgbouncer"}],
        "redis": [{"name": "hole-redis", "url": f"redis://{place}/0", "password": "none"}],
        "hikari": [{"name": "hole-hikari", "url": f"http://{place}/actuator/prometheus"}],
        "scrape": BRISK,
    }
    with Serving(tmp_path, config) as observer:
        observer.wait_up("main")
        for kind in KINDS:
            page = observer.wait_up(f"hole-{kind}", up=False)
        assert page.value("pg_up", target="main") == 1
        assert page.value("pg_up", target="hole-postgres") == 0
        assert (page.value("pgbouncer_up"), page.value("redis_up"), page.value("hikaricp_up")) == (0, 0, 0)
        taken = []
        for _ in range(10):
            observer.fresh("main")
            taken.append(observer.seconds())
        assert statistics.median(taken) < PROMPT
        assert observer.client.get("/healthz").status_code == 200
        assert observer.client.get("/readyz").status_code == 200
        assert "pg_locks_count" in observer.page("/metrics/main").names
        for kind in KINDS:
            assert observer.status(f"hole-{kind}")["state"] == "down"
        began = time.monotonic()
        assert observer.stop() == 0
        assert time.monotonic() - began < 8


def test_a_wire_that_falls_silent(
    postgres: PostgresServer, redis_server: RedisServer, tcp_proxy: ProxyFactory, tmp_path: Path
) -> None:
    """A paused network takes its own target down by the deadline; resumed, all is well without a restart."""
    wire, other = tcp_proxy(postgres.host, postgres.port), tcp_proxy(redis_server.host, redis_server.port)
    config = {
        "postgres": [
            {"name": "near", "dsn": postgres.dsn("app")},
            {"name": "far", "dsn": postgres.dsn("app").replace(str(postgres.port), str(wire.port))},
        ],
        "redis": [{"name": "cache", "url": f"redis://127.0.0.1:{other.port}/0", "password": "redis-secret"}],
        "scrape": BRISK,
    }
    with Serving(tmp_path, config) as observer:
        for target in ("near", "far", "cache"):
            observer.wait_up(target)
        wire.pause()
        other.pause()
        taken: list[float] = []

        def both_down() -> bool:
            taken.append(observer.seconds())
            page = observer.page()
            return page.value("pg_up", target="far") == 0 and page.value("redis_up") == 0

        wait_for(both_down, "both are down")
        for _ in range(5):
            page = observer.fresh("near")
            taken.append(observer.seconds())
            assert page.value("pg_up", target="near") == 1
        # The first scrape may wait as long as collections usually take; all others wait for nothing.
        assert statistics.median(taken) < PROMPT
        assert max(taken) < DEADLINE
        wire.resume()
        other.resume()
        for target in ("far", "cache"):
            observer.wait_up(target)
        assert len(observer.events("fault.over", target="far")) == 1
        assert observer.events("fault", target="near") == []


def test_a_backend_that_is_stopped(private_postgres: PostgresFactory, tmp_path: Path) -> None:
    """Its collection ends by the deadline; at most one connection hangs, and ends once it goes on."""
    server = private_postgres()
    ours = (
        "SELECT pid FROM pg_catalog.pg_stat_activity"
        " WHERE application_name LIKE 'observer/%' AND datname = 'app'"
    )
    with (
        Serving(
            tmp_path, {"postgres": [{"name": "main", "dsn": server.dsn("app")}], "scrape": BRISK}
        ) as observer,
        server.connect() as watcher,
    ):
        observer.wait_up("main")
        [(pid,)] = watcher.execute(ours).fetchall()
        os.kill(pid, signal.SIGSTOP)
        try:

            def given_up() -> bool:
                observer.page()
                return observer.events("fault", target="main", reason="deadline") != []

            # A busy machine is late by seconds; what is not cut off would hang until the backend goes on.
            wait_for(given_up, "the collection is cut off", seconds=DEADLINE + 10)
            # The server itself answers: a new connection serves while the old one hangs.
            assert observer.fresh("main").value("pg_up") == 1
            assert len(watcher.execute(ours).fetchall()) <= 2
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_for(lambda: len(watcher.execute(ours).fetchall()) == 1, "the old backend has ended")
        assert observer.fresh("main").value("pg_up") == 1
        assert observer.client.get("/healthz").status_code == 200
