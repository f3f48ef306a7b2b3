"""``observer demo`` as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
import redis
from prometheus_client.parser import text_string_to_metric_families

from tests.conditions import processes_below, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A directory for temporary files, open to the servers' account, which must be empty again at the end."""
    with tempfile.TemporaryDirectory(prefix="observer-acceptance-") as path:
        Path(path).chmod(0o711)
        yield Path(path)


def demo(temporary: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "observer", "demo", "--json", "--scale", "0.05", *options],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def addresses(child: subprocess.Popen[str]) -> dict[str, Any]:
    assert child.stdout is not None
    line = child.stdout.readline()
    if not line:
        assert child.stderr is not None
        pytest.fail(f"the demo did not come up:\n{child.stderr.read()}")
    answer: dict[str, Any] = json.loads(line)
    return answer


def get(url: str) -> httpx.Response:
    return httpx.get(url, timeout=10, trust_env=False)


def test_everything_answers_and_nothing_is_left(temporary: Path) -> None:
    """Every address in the JSON line serves; after Ctrl-C there is no process and no file."""
    with demo(temporary, "--minutes", "3") as child:
        told = addresses(child)
        assert list(told) == [
            "observer",
            "prometheus",
            "postgres",
            "pgbouncer",
            "redis",
            "app",
            "alertmanager",
            "slack",
        ]
        for key in ("postgres", "pgbouncer"):
            with psycopg.connect(told[key], prepare_threshold=None) as connection:
                assert connection.execute("SELECT count(*) > 0 FROM recipes").fetchone() == (True,)
        with redis.Redis.from_url(told["redis"]) as client:
            assert client.ping()
        assert get(f"{told['observer']}/metrics").is_success
        assert "hikaricp_connections_active" in get(f"{told['app']}/actuator/prometheus").text

        def targets_up() -> bool:
            answer = get(f"{told['prometheus']}/api/v1/query?query=up").json()["data"]["result"]
            return {sample["metric"]["job"]: sample["value"][1] for sample in answer} == {
                "observer": "1",
                "mealsync": "1",
            }

        wait_for(targets_up, "Prometheus scrapes Observer and MealSync")
        assert processes_below(temporary)
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=30) == 0
        assert child.stdout is not None
        assert child.stdout.read() == ""
    assert processes_below(temporary) == []
    assert list(temporary.iterdir()) == []


def test_observer_watches_all_of_it(temporary: Path) -> None:
    """Observer's page shows every target, Prometheus keeps it, the rules evaluate, and a lock is told of."""
    with demo(temporary, "--minutes", "3") as child:
        told = addresses(child)

        def on_the_page() -> bool:
            page = get(f"{told['observer']}/metrics").text
            samples = {
                sample.name: sample.value
                for family in text_string_to_metric_families(page)
                for sample in family.samples
            }
            return (
                samples.get("pg_up") == samples.get("pgbouncer_up") == samples.get("redis_up") == 1
                and samples.get("hikaricp_connections_max") == 8
                and "pg_stat_statements_calls_total" in samples
            )

        def counted() -> bool:
            query = "sum(increase(pg_stat_statements_calls_total[1m]))"
            answer = get(f"{told['prometheus']}/api/v1/query?query={query}").json()["data"]["result"]
            return bool(answer) and float(answer[0]["value"][1]) > 0

        def rules() -> dict[str, Any]:
            groups = get(f"{told['prometheus']}/api/v1/rules").json()["data"]["groups"]
            return {rule["name"]: rule for group in groups for rule in group["rules"]}

        def evaluated() -> bool:
            found = rules()
            return bool(found) and all(rule["health"] == "ok" for rule in found.values())

        def blocked() -> bool:
            return rules()["PostgresSessionsBlocked"]["state"] == "firing"

        wait_for(on_the_page, "every target is on the page")
        wait_for(counted, "Prometheus sees statements being called", seconds=60)
        wait_for(evaluated, "Prometheus evaluates every generated rule without an error", seconds=60)
        for name in ("ObserverDown", "TargetMissing", "PostgresDown", "HikariThreadsPending"):
            assert rules()[name]["state"] == "inactive", name
        httpx.post(f"{told['app']}/demo/fault?kind=lock&seconds=90", timeout=10, trust_env=False)
        wait_for(blocked, "sessions that wait for a lock raise the alert", seconds=80)
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=30) == 0


def test_it_ends_by_itself(temporary: Path) -> None:
    """After its minutes the demo ends with success, and leaves nothing."""
    with demo(temporary, "--minutes", "0.01", "--users", "1", "--app", "python") as child:
        assert addresses(child)["app"] is not None
        assert child.wait(timeout=30) == 0
    assert processes_below(temporary) == []
    assert list(temporary.iterdir()) == []


def test_a_killed_demo_leaves_no_process(temporary: Path) -> None:
    """Not even SIGKILL leaves a server behind."""
    with demo(temporary) as child:
        addresses(child)
        child.kill()
    wait_for(lambda: processes_below(temporary) == [], "all processes are gone")
