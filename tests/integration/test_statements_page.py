"""Statements that take more time than before: the page, its JSON and its plain words, over a real history."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI

from observer.app.history import history_routes
from observer.config.model import Prometheus
from observer.demo.servers import PrometheusServer
from observer.reports.slower import compare
from tests.integration.serving import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.network import BlackHole

HOUR = 3600
STEP = 15
TEXT = "SELECT <b> FROM orders WHERE id = $1"


def samples() -> Iterator[str]:
    """Two hours: half an hour ago one statement became four times slower, and one was called more often."""
    labels = 'target="main",user="app",datname="shop",queryid="{}"'
    now = int(time.time())
    # A little into the future, so that the last minutes are full however long the tests take.
    at = range(now - 2 * HOUR, now + HOUR // 6, STEP)
    means = {1: (0.010, 0.040), 2: (0.010, 0.010), 3: (0.005, 0.005)}
    rates = {1: (2.0, 2.0), 2: (1.0, 9.0), 3: (5.0, 5.0)}
    for metric in ("seconds", "calls"):
        yield f"# TYPE pg_stat_statements_{metric} counter\n"
        for number in means:
            total = 0.0
            for moment in at:
                late = moment > now - HOUR // 2
                calls = rates[number][late] * STEP
                total += calls * means[number][late] if metric == "seconds" else calls
                yield f"pg_stat_statements_{metric}_total{{{labels.format(number)}}} {total:.6f} {moment}\n"
    yield "# TYPE pg_stat_statements_query_id gauge\n"
    for moment in at:
        yield f'pg_stat_statements_query_id{{queryid="1",query="{TEXT}"}} 1 {moment}\n'
    yield "# EOF\n"


@pytest.fixture(scope="module")
def history(server_root: Path) -> Iterator[PrometheusServer]:
    """A Prometheus that remembers two hours."""
    folder = server_root / "statements-history"
    server = PrometheusServer.create(
        folder, config={"scrape_configs": []}, flags=("--storage.tsdb.allow-overlapping-blocks",)
    )
    file = folder / "samples.txt"
    with file.open("w", encoding="utf-8") as out:
        out.writelines(samples())
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(file), str(folder / "data")],
        check=True,
        capture_output=True,
        timeout=60,
    )
    if server.account is not None:
        for path in (folder / "data", *(folder / "data").rglob("*")):
            shutil.chown(path, server.account.uid, server.account.gid)
    with server:
        yield server


def settings(url: str, **changes: Any) -> Prometheus:
    return Prometheus.model_validate({"url": url, "window": "5m", "compare_with": "1h"} | changes)


def answers(given: Prometheus | None) -> tuple[str, int, dict[str, Any]]:
    """The page, and status and content of its JSON."""
    app = FastAPI()
    app.include_router(history_routes(given))
    with served(app) as client:
        page = client.get("/statements")
        assert page.status_code == 200
        machine = client.get("/statements.json")
    return page.text, machine.status_code, machine.json()


def test_statements_that_grew_are_listed_with_the_reason(history: PrometheusServer) -> None:
    """The greatest gain first; more calls and slower calls are told apart, what is the same is left out."""
    page, status, told = answers(settings(history.url))
    assert status == 200
    assert told["compared"] == "the last 5 min with as long a time 1 h earlier"
    assert [one["queryid"] for one in told["statements"]] == ["2", "1"]
    more, slower = told["statements"]
    assert more["why"] == "called more often"
    assert slower["why"] == "4.0 times slower per call"
    assert slower["mean_seconds"] == pytest.approx(0.040, rel=0.02)
    assert slower["mean_seconds_before"] == pytest.approx(0.010, rel=0.02)
    assert slower["load"] - slower["load_before"] == pytest.approx(0.06, rel=0.05)
    assert "SELECT &lt;b&gt; FROM orders" in page
    assert "10 ms → 40 ms" in page
    assert re.search(r"2\.0 % → [78]\.\d %", page)


@pytest.mark.parametrize(("compare_with", "words"), [("1d", "from 1 d ago yet"), ("3h", "from 3 h ago yet")])
def test_too_little_history_is_said(history: PrometheusServer, compare_with: str, words: str) -> None:
    """Compared with nothing, all would be new: the page says how long to wait instead."""
    page, status, told = answers(settings(history.url, compare_with=compare_with))
    assert status == 503
    assert "has no numbers of statements" in told["error"]
    assert words in told["error"]
    assert "Wait until" in page


def test_nobody_remembers() -> None:
    """Without a Prometheus the page says so, and what to set."""
    page, status, told = answers(None)
    assert (status, told["ok"]) == (404, False)
    assert "prometheus.url" in page


def test_prometheus_is_away(black_hole: BlackHole, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not reached, or reached without an answer: a sentence each, by the deadline."""
    page, status, told = answers(settings("http://127.0.0.1:1"))
    assert status == 503
    assert "http://127.0.0.1:1" in told["error"]
    assert "http://127.0.0.1:1" in page
    monkeypatch.setattr("observer.app.history.SECONDS", 1.0)
    _, status, told = answers(settings(f"http://127.0.0.1:{black_hole.port}"))
    assert status == 503
    assert "no answer in time" in told["error"]


def test_gains_that_matter_are_told_and_no_others() -> None:
    """Neither noise below a hundredth of a core, nor growth below a fifth, nor what became faster."""
    key = {n: ("t", "u", "d", str(n)) for n in range(4)}
    found = compare(
        seconds={key[0]: 0.5, key[1]: 0.005, key[2]: 1.1, key[3]: 0.1},
        calls={key[0]: 5.0, key[1]: 1.0, key[2]: 1.0, key[3]: 1.0},
        seconds_before={key[1]: 0.0001, key[2]: 1.0, key[3]: 0.4},
        calls_before={key[1]: 1.0, key[2]: 1.0, key[3]: 1.0},
    )
    assert [(one.queryid, one.cause()) for one in found] == [("0", "new")]
