"""The process of ``observer serve``: what it loads, how it ends, and how it refuses to begin."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.serving import BRISK, ROOT, Serving

if TYPE_CHECKING:
    from pathlib import Path

UNWANTED = ("typer", "rich", "alembic", "postgast", "promql_parser", "pytest")

TELLING = f"""
import atexit, sys
atexit.register(lambda: print("LOADED", sorted(set(sys.modules) & set({UNWANTED!r}))))
from observer.cli import main
main(sys.argv[1:])
"""


def test_only_what_serving_needs_is_loaded(tmp_path: Path) -> None:
    """Drawing terminals, migrations and parsers cost tens of megabytes that the service never uses."""
    config = {
        "postgres": [{"name": "main", "dsn": "postgresql://nobody@127.0.0.1:1/app"}],
        "redis": [{"name": "cache", "url": "redis://127.0.0.1:1/0"}],
        "hikari": [{"name": "orders", "url": "http://127.0.0.1:1/actuator/prometheus"}],
        "scrape": BRISK,
    }
    with Serving(tmp_path, config, command=(sys.executable, "-c", TELLING)) as observer:
        observer.wait_up("orders", up=False)
        for path in ("/", "/status.json", "/metrics/main"):
            assert observer.client.get(path).status_code == 200
        assert observer.stop() == 0
        assert "LOADED []" in observer.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_although_targets_hang(tmp_path: Path, number: signal.Signals) -> None:
    """It ends within seconds while a collection waits, and in good order."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        config = {
            "postgres": [{"name": "main", "dsn": f"postgresql://nobody@{place}/app"}],
            "redis": [{"name": "cache", "url": f"redis://{place}/0", "password": "none"}],
            "hikari": [{"name": "orders", "url": f"http://{place}/actuator/prometheus"}],
        }
        with Serving(tmp_path, config) as observer:
            began = time.monotonic()
            observer.process.send_signal(number)
            assert observer.process.wait(timeout=10) == (0 if number == signal.SIGTERM else 130)
            assert time.monotonic() - began < 8
            assert "Traceback" not in observer.output


def test_a_port_that_is_taken() -> None:
    """One clear sentence with the remedy, and exit code 3."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        listen = f"127.0.0.1:{holder.getsockname()[1]}"
        done = subprocess.run(
            [sys.executable, "-m", "observer", "serve", "--listen", listen],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    assert done.returncode == 3
    assert done.stderr.startswith(f"observer: cannot listen on {listen}: Address already in use\n")
    assert "--listen" in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_that_cannot_be_used(tmp_path: Path) -> None:
    """Every error in one go, each with its place and what was meant; exit code 3, nothing started."""
    file = tmp_path / "observer.yml"
    file.write_text(
        "listen: nowhere\npostgres:\n  - name: main\n    dns: postgresql://x\nredis:\n  - url: http://y\n",
        encoding="utf-8",
    )
    for command in ("serve", "check"):
        done = subprocess.run(
            [sys.executable, "-m", "observer", command, "--config", str(file)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert done.returncode == 3
        for told in (f"{file}:1: listen", f"{file}:4: postgres[0].dns", "'dsn'", "redis[0]"):
            assert told in done.stderr
        assert "Traceback" not in done.stderr


def test_it_starts_with_nothing_to_watch(tmp_path: Path) -> None:
    """The start page says what to give it, and its own metrics are there."""
    with Serving(tmp_path) as observer:
        assert "Give it a database" in observer.client.get("/").text
        assert "observer_build_info" in observer.page().names
        assert observer.client.get("/status.json").json()["targets"] == []


def test_logs_are_one_json_object_a_line(tmp_path: Path) -> None:
    """Every line on standard error is for machines when it is no terminal."""
    config = {"redis": [{"name": "cache", "url": "redis://127.0.0.1:1/0"}], "scrape": BRISK}
    with Serving(tmp_path, config) as observer:
        observer.wait_up("cache", up=False)
        observer.stop()
        lines = [json.loads(line) for line in observer.output.splitlines()]
        assert all({"event", "level", "timestamp"} <= line.keys() for line in lines)
        [fault] = observer.events("fault")
        assert (fault["target"], fault["kind"], fault["reason"]) == ("cache", "redis", "unreachable")
