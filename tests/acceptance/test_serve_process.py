"""The process of ``observer serve``: what it loads, how it ends, and how it refuses to begin."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx
import pytest
import yaml

from tests.conditions import wait_for
from tests.serving import BRISK, ROOT, Page, Serving

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


def test_settings_are_read_anew_and_nobody_is_refused(tmp_path: Path) -> None:
    """At SIGHUP a new target is there, in the same process, and every request meanwhile was answered."""
    redis = {"name": "cache", "url": "redis://127.0.0.1:1/0"}
    with Serving(tmp_path, {"redis": [redis], "scrape": BRISK}) as observer:
        config = yaml.safe_load(observer.settings.read_text(encoding="utf-8"))
        config["redis"].append({"name": "sessions", "url": "redis://127.0.0.1:1/0"})
        observer.settings.write_text(yaml.safe_dump(config), encoding="utf-8")
        observer.process.send_signal(signal.SIGHUP)

        def names() -> set[str]:
            # A connection of its own each time: one that is kept alive ends with the former server, so does
            # one that it has accepted and not read yet.
            try:
                answer = httpx.get(f"{observer.url}/status.json", trust_env=False, timeout=30)
            except httpx.RemoteProtocolError:
                return set()
            return {target["name"] for target in answer.json()["targets"]}

        wait_for(lambda: names() == {"cache", "sessions"}, "the new settings are in force", seconds=60)
        assert observer.process.poll() is None
        assert observer.stop() == 0
        assert "Traceback" not in observer.output


def test_faulty_settings_leave_those_in_force_that_are(tmp_path: Path) -> None:
    """The fault is logged with its place and counted; the service goes on, and takes good ones later."""
    with Serving(tmp_path, {"redis": [{"name": "cache", "url": "redis://127.0.0.1:1/0"}]}) as observer:
        good = observer.settings.read_text(encoding="utf-8")
        successful = "observer_config_last_reload_successful"
        assert observer.page().value(successful) == 1
        read_at = observer.page().value("observer_config_last_reload_success_timestamp_seconds")
        with socket.create_server(("127.0.0.1", 0)) as holder:
            taken = f"127.0.0.1:{holder.getsockname()[1]}"
            faults = (
                (good.replace("redis:", "rediss:"), "rediss: is not a setting"),
                (good.replace(f"127.0.0.1:{observer.port}", taken), f"cannot listen on {taken}"),
            )
            for number, (text, told) in enumerate(faults, 1):
                observer.settings.write_text(text, encoding="utf-8")
                observer.process.send_signal(signal.SIGHUP)
                wait_for(lambda n=number: len(observer.events("settings.refused")) == n, told, seconds=60)  # type: ignore[misc]  # bound now
                assert told in observer.events("settings.refused")[-1]["reason"]
                # A page that was made ready for this scrape may be from the moment before.
                wait_for(lambda: observer.page().value(successful) == 0, "the page tells of it")
        assert [t["name"] for t in observer.client.get("/status.json").json()["targets"]] == ["cache"]
        observer.settings.write_text(good, encoding="utf-8")
        observer.process.send_signal(signal.SIGHUP)
        wait_for(lambda: observer.events("settings.reload"), "the settings are good again", seconds=60)
        page = wait_for_page(observer)
        assert page.value(successful) == 1
        assert page.value("observer_config_last_reload_success_timestamp_seconds") > read_at


def wait_for_page(observer: Serving) -> Page:
    """The page of the successor."""
    wait_for(lambda: len(observer.events("serving")) == 2, "it serves again", seconds=60)
    return Page(httpx.get(f"{observer.url}/metrics", trust_env=False, timeout=30).text)
