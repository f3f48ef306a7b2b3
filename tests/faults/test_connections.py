"""Servers without a connection to spare: Observer says so, does not insist, and comes back by itself."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.serving import BRISK, Serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import PostgresFactory

MIN_INTERVAL = 0.2


@pytest.mark.parametrize("limit", ["of the server", "of the role"])
def test_no_connection_is_left(private_postgres: PostgresFactory, tmp_path: Path, limit: str) -> None:
    """Down with a remedy, one attempt for each collection and no storm; up once there is room."""
    server = private_postgres(settings={"max_connections": "8", "log_connections": "on"})
    server.execute(
        "app", "CREATE ROLE watcher LOGIN", "GRANT pg_monitor TO watcher", "CREATE ROLE filler LOGIN"
    )
    filler = "filler"
    if limit == "of the role":
        server.execute("app", "ALTER ROLE watcher CONNECTION LIMIT 1")
        filler = "watcher"
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                stack.enter_context(server.connect("app", user=filler))
        target = {"name": "main", "dsn": server.dsn("app", user="watcher")}
        with Serving(tmp_path, {"postgres": [target], "scrape": BRISK}) as observer:
            began = time.monotonic()
            observer.wait_up("main", up=False)
            for _ in range(4):
                observer.fresh("main")
            [fault] = observer.status("main")["faults"]
            assert fault["code"] == "unreachable"
            assert "connection" in fault["remedy"]
            assert observer.client.get("/readyz").status_code == 200
            attempts = server.log.read_text(encoding="utf-8", errors="replace").count("user=watcher")
            if limit == "of the server":
                attempts = server.log.read_text(encoding="utf-8", errors="replace").count("FATAL")
            assert attempts <= (time.monotonic() - began + 3) / MIN_INTERVAL
            assert len(observer.events("fault")) == 1
            stack.close()
            observer.wait_up("main")
            assert observer.fresh("main").value("pg_up") == 1


def test_a_standing_connection_survives_the_rush(private_postgres: PostgresFactory, tmp_path: Path) -> None:
    """When all slots go while Observer is connected, it goes on reading: that is when numbers matter most."""
    server = private_postgres(settings={"max_connections": "8"})
    server.execute(
        "app", "CREATE ROLE watcher LOGIN", "GRANT pg_monitor TO watcher", "CREATE ROLE filler LOGIN"
    )
    target = {"name": "main", "dsn": server.dsn("app", user="watcher")}
    with (
        Serving(tmp_path, {"postgres": [target], "scrape": BRISK}) as observer,
        contextlib.ExitStack() as stack,
    ):
        observer.wait_up("main")
        taken = 0
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                stack.enter_context(server.connect("app", user="filler"))
                taken += 1
        page = observer.fresh("main")
        assert page.value("pg_up") == 1
        assert page.sum("pg_stat_activity_count", usename="filler") == taken
        assert page.value("pg_settings_max_connections") == 8
