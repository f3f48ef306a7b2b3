"""The HTTP service: health, pages for people, and one shape for every error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.conditions import wait_for
from tests.serving import BRISK, Serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from observer.demo.servers import PostgresServer, RedisServer


@pytest.fixture(scope="module")
def serving(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, redis_server: RedisServer
) -> Iterator[Serving]:
    """Observer over a PostgreSQL that works and a Redis whose password is wrong."""
    config = {
        "postgres": [{"name": "main", "dsn": postgres.dsn("app")}],
        "redis": [{"name": "cache", "url": redis_server.url, "password": "wrong"}],
        "scrape": BRISK,
    }
    with Serving(tmp_path_factory.mktemp("http"), config) as running:
        running.wait_up("main")
        running.wait_up("cache", up=False)
        yield running


def error(serving: Serving, path: str) -> dict[str, Any]:
    answer = serving.client.get(path)
    told: dict[str, Any] = answer.json()
    assert set(told) == {"ok", "error", "errors", "status"}
    assert (told["ok"], told["status"]) == (False, answer.status_code)
    return told


def test_health_does_not_depend_on_targets(serving: Serving) -> None:
    """A target that is down makes neither liveness nor readiness red."""
    for path in ("/healthz", "/readyz", "/-/healthy", "/-/ready"):
        assert serving.client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/metrics/nobody", "/probe?target=nobody"])
def test_an_unknown_target_is_told_with_those_that_exist(serving: Serving, path: str) -> None:
    """404 in the one shape, with the names that would have worked."""
    told = error(serving, path)
    assert told["status"] == 404
    assert "nobody" in told["error"]
    assert "main" in told["errors"][0]


def test_probe_takes_a_configured_name_only(serving: Serving) -> None:
    """An address is a name that nobody configured: nobody is sent anywhere with our credentials."""
    assert error(serving, "/probe")["status"] == 400
    assert error(serving, "/probe?target=postgresql://127.0.0.1:1/x")["status"] == 404


def test_every_error_has_one_shape(serving: Serving) -> None:
    """Unknown paths and methods answer as everything else does."""
    assert error(serving, "/nothing/here")["status"] == 404
    answer = serving.client.post("/metrics")
    assert (answer.status_code, answer.json()["ok"]) == (405, False)


def test_status_tells_what_failed_and_the_remedy(serving: Serving) -> None:
    """``/status.json`` has each target's state, age, collectors and faults."""
    own = serving.page("/metrics/cache").text
    serving.page()
    assert serving.client.get("/status.json").json()["ok"] is False
    main, cache = serving.status("main"), serving.status("cache")
    assert (main["state"], main["up"], main["faults"]) == ("up", True, [])
    assert main["facts"]["version"].startswith("PostgreSQL ")
    assert {"stat_statements", "settings", "locks"} <= {one["name"] for one in main["collectors"]}
    assert (cache["state"], cache["up"]) == ("down", False)
    shown = {line.partition("{")[0].partition(" ")[0] for line in own.splitlines() if line[:1] != "#"}
    assert "redis_up" in shown
    assert all(name == "redis_up" or name.startswith("redis_exporter_") for name in shown)
    [fault] = cache["faults"]
    assert fault["code"] == "permission"
    assert "password" in fault["remedy"]


def test_the_start_page_says_the_same(serving: Serving) -> None:
    """``/`` holds the targets' names, the fault and its remedy; it may load nothing and run nothing."""
    answer = serving.client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    [fault] = serving.status("cache")["faults"]
    for wanted in ("main", "cache", fault["what"], fault["remedy"], "1 of 2 targets needs attention"):
        assert wanted in answer.text


def test_the_start_page_tells_how_a_server_is(serving: Serving) -> None:
    """From one address alone: facts in words, the limits from the server's own settings."""
    vitals = {vital["name"]: vital["value"] for vital in serving.status("main")["vitals"]}
    assert {"running for", "connections", "blocked sessions", "longest transaction", "size"} <= vitals.keys()
    used, allowed = map(int, vitals["connections"].split(" of "))
    assert 0 < used < allowed
    assert f"<dt>connections</dt><dd>{vitals['connections']}</dd>" in serving.client.get("/").text
    assert serving.status("cache")["vitals"] == []


def test_a_scraper_shows_up(serving: Serving) -> None:
    """Whoever scrapes with a rhythm is counted, and sets the pace."""

    def regular() -> bool:
        serving.page(scraper="regular")
        return int(serving.status("main")["scrapers"]) > 0

    wait_for(regular, "the rhythm is known")
    assert serving.status("main")["interval"] < 60
