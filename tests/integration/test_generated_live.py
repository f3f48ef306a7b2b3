"""Generated rules and dashboards in a running Prometheus: every rule evaluates, every panel has an answer."""

from __future__ import annotations

import dataclasses
import itertools
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from observer.generator import build, output
from observer.generator.overrides import Overrides
from observer.generator.pack import Pack, read_pack
from observer.generator.scoping import expand_targets
from tests.generator_catalogue import declarations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from observer.generator.catalogue import Metric

pytestmark = pytest.mark.prometheus  # it runs promtool and Prometheus

ROOT = Path(__file__).resolve().parents[2]
STEP = 15
SPAN = 2 * 3600
VALUES = {
    "backend_type": "client backend",
    "wait_event_type": "Lock",
    "job": "observer",
    "alertstate": "firing",
    "instance": "observer:8080",
}
QUIET = {
    # Nothing of the kind happens in the synthetic data, or it needs a day of it.
    "Slowdown of a statement",
    "Mean time of a statement",
    "Longest idle transaction",
    "Targets that went missing",
}


@pytest.fixture(scope="module")
def pack() -> Pack:
    site = Overrides({"parameters": {"scrape_interval": "1s"}}, file="site.yaml")
    return read_pack(
        rules=ROOT / "rules",
        dashboards=ROOT / "dashboards",
        declarations=declarations(),
        overrides=site,
        parameters=site.merged_parameters({}),
    )


LABELS = {
    "observer_job_runs_total": {"outcome": "failed"},
    "http_server_requests_seconds_count": {"outcome": "SERVER_ERROR"},
}
"""Where a query asks for one value of a label."""

SIZES = {"pg_stat_user_tables_n_dead_tup": 1e6, "pg_stat_user_tables_n_live_tup": 1e6}
"""Where small numbers mean nothing."""


def parts(metric: Metric) -> Iterator[Metric]:
    """A histogram as the series that it is made of, with two buckets told apart by the variant of ``le``."""
    if metric.type != "histogram":
        yield metric
        return
    for suffix, labels in (("_bucket", {"le"}), ("_count", set()), ("_sum", set())):
        yield dataclasses.replace(
            metric, name=metric.name + suffix, type="counter", labels=metric.labels | labels
        )


def exposition(metrics: list[Metric], now: int) -> Iterator[str]:
    """Two hours of each metric, under two variants of its own labels; counters grow."""
    for metric in itertools.chain.from_iterable(map(parts, metrics)):
        for variant in (1, 2):
            labels = {
                name: VALUES.get(name, f"{name}{variant}") for name in metric.labels if name != "target"
            }
            labels["state"] = "active" if "state" in labels else ""
            labels |= LABELS.get(metric.name, {})
            if "le" in labels:
                labels["le"] = ("0.1", "+Inf")[variant - 1]
            if metric.name == "pgbouncer_databases_pool_size":
                labels["name"] = f"database{variant}"
            text = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()) if value)
            for at in range(0, SPAN + 1, STEP):
                value = at * 1000 * variant if metric.type == "counter" else SIZES.get(metric.name, variant)
                yield f"{metric.name}{{{text}}} {value} {now - SPAN + at}\n"
            if labels.keys() <= {"job", "instance", "state"}:
                break
    yield "# EOF\n"


def used(pack: Pack) -> list[Metric]:
    """Every metric that is not recorded, families by one of their members."""
    settings = ("pg_settings_max_connections", "pg_settings_superuser_reserved_connections")
    names = [name for name in pack.catalogue.metrics if not name.endswith("*")]
    found = {name: pack.catalogue.metrics[name] for name in names}
    for name in settings:
        family = pack.catalogue.find(name)
        assert family is not None
        found[name] = type(family)(name, "gauge", family.labels, family.kind)
    return [metric for metric in found.values() if metric.kind != "recorded"]


@pytest.fixture(scope="module")
def prometheus(pack: Pack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus over two hours of synthetic series, with the generated rules loaded."""
    folder = tmp_path_factory.mktemp("prometheus")
    output.write(
        [*build.rule_files(pack), *build.prometheus_files(pack)],
        {"rules": folder, "dashboards": folder / "grafana"},
    )
    samples = folder / "samples.txt"
    with samples.open("w", encoding="utf-8") as file:
        file.writelines(exposition(used(pack), int(time.time())))
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(samples), str(folder / "data")],
        check=True,
        capture_output=True,
        timeout=120,
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={folder / 'prometheus' / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--storage.tsdb.allow-overlapping-blocks",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"]},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: httpx.get(f"{url}/-/ready").status_code == 200)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if condition():
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)


def test_every_rule_evaluates(prometheus: str, pack: Pack) -> None:
    """Health "ok" for each: what promtool cannot see (duplicate label sets, many-to-many) would show here."""

    def rules() -> list[dict[str, Any]]:
        groups = httpx.get(f"{prometheus}/api/v1/rules").json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    wait_for(lambda: all(rule["health"] != "unknown" for rule in rules()))
    assert {rule["name"] for rule in rules() if rule["type"] == "alerting"} == set(pack.alerts)
    assert [(rule["name"], rule["lastError"]) for rule in rules() if rule["health"] != "ok"] == []


def test_every_panel_has_an_answer(prometheus: str, pack: Pack) -> None:
    """Each query of each dashboard runs without an error, and finds the synthetic series."""
    now = time.time()
    empty: list[str] = []
    for document in pack.dashboards.documents.values():
        for title, expression in expand_targets(document, {}):
            answer = httpx.post(
                f"{prometheus}/api/v1/query_range",
                data={"query": expression, "start": now - 1800, "end": now, "step": 60},
            ).json()
            assert answer["status"] == "success", (title, expression, answer)
            if not answer["data"]["result"]:
                empty.append(title)
    assert set(empty) <= QUIET
