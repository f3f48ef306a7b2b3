"""How often targets are collected: bounded however often the page is asked for, timed to who asks."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.conditions import wait_for
from tests.serving import Serving

if TYPE_CHECKING:
    from pathlib import Path

    from observer.demo.servers import PostgresServer, RedisServer
    from tests.integration.conftest import PostgresFactory, PrometheusFactory

MIN_INTERVAL = 0.5


def test_many_scrapes_share_collections_and_one_connection(
    private_postgres: PostgresFactory, tmp_path: Path
) -> None:
    """Ten at once and a loop of them: no more than one collection per interval, over one connection."""
    server = private_postgres()
    config = {
        "postgres": [{"name": "main", "dsn": server.dsn("app")}],
        "scrape": {"min_interval": "500ms", "max_age": "100ms"},
    }
    with (
        Serving(tmp_path, config) as observer,
        server.connect("app") as watcher,
        ThreadPoolExecutor(10) as pool,
    ):
        began = time.monotonic()
        paths = ["/metrics", "/metrics/main", "/probe?target=main"]
        scrapes = list(pool.map(lambda n: observer.page_bytes(paths[n % 3], scraper=f"s{n}"), range(10)))
        assert all(b"pg_locks_count" in page for page in scrapes)
        most, served = 0, 0

        def allowed() -> float:
            return (time.monotonic() - began) / MIN_INTERVAL + 2

        # On a busy machine a scrape takes long, and there must be many to share a collection.
        while time.monotonic() - began < 3 or (served <= 2 * allowed() and time.monotonic() - began < 60):
            for body in pool.map(lambda n: observer.page_bytes(scraper=f"s{n}"), range(10)):
                assert b"pg_up 1" in body
                served += 1
            [(connections,)] = watcher.execute(
                "SELECT count(*) FROM pg_catalog.pg_stat_activity"
                " WHERE application_name LIKE 'observer/%' AND datname = 'app'"
            ).fetchall()
            most = max(most, connections)
        page = observer.page()
        assert most == 1
        assert 2 <= page.value("pg_exporter_scrapes_total") <= allowed()
        # The server's own count of a query that every collection asks once.
        [(asked,)] = watcher.execute(
            "SELECT max(calls) FROM public.pg_stat_statements"
            " WHERE query LIKE '%pg_catalog.pg_locks%' AND query LIKE '%CROSS JOIN%'"
        ).fetchall()
        assert asked <= allowed()
        assert served > 2 * asked
        assert page.value("observer_collection_duration_seconds_count", target="main") <= allowed()


def test_prometheus_finds_numbers_that_were_just_read(
    postgres: PostgresServer,
    redis_server: RedisServer,
    prometheus_factory: PrometheusFactory,
    tmp_path: Path,
) -> None:
    """Scraped every 2 seconds, once the rhythm is known: under a second old, and answered in no time."""
    config = {
        "postgres": [{"name": "main", "dsn": postgres.dsn("app")}],
        "redis": [{"name": "cache", "url": redis_server.url, "password": "redis-secret"}],
    }
    with Serving(tmp_path, config) as observer:
        prometheus = prometheus_factory(
            {
                "global": {"scrape_interval": "2s", "scrape_timeout": "2s"},
                "scrape_configs": [
                    {
                        "job_name": "observer",
                        "static_configs": [{"targets": [f"127.0.0.1:{observer.port}"]}],
                    }
                ],
            }
        )

        def ask(query: str) -> list[float]:
            return [float(sample["value"][1]) for sample in prometheus.query(query)]

        wait_for(
            lambda: ask("count_over_time(up[5m]) >= 10") != [], "Prometheus has scraped ten times", seconds=90
        )
        stamp = "observer_snapshot_timestamp_seconds"
        own = "observer_scrape_duration_seconds"

        # The most that each may be over the last ten seconds, as Prometheus saw it and Observer itself did.
        promised = {
            "1 - min_over_time(up[10s])": 0.0,
            f"quantile_over_time(0.5, (timestamp({stamp}) - {stamp})[10s:1s])": 1.0,
            # A scrape that finds older numbers waits for new ones.
            f"max_over_time((timestamp({stamp}) - {stamp})[10s:1s])": 1.5,
            "quantile_over_time(0.5, scrape_duration_seconds[10s])": 0.1,
            f'increase({own}_sum{{page="all"}}[10s]) / increase({own}_count{{page="all"}}[10s])': 0.1,
            # One collection for each scrape, and none beside it.
            'increase(observer_collection_duration_seconds_count{target="main"}[12s])'
            ' / on () increase(observer_scrapes_total{page="all"}[12s])': 1.5,
        }

        def broken() -> dict[str, list[float]]:
            told = {query: ask(query) for query in promised}
            return {
                query: found for query, found in told.items() if not found or max(found) > promised[query]
            }

        # A machine that stalls breaks them for as long as it does; they are made for one that does not.
        wait_for(lambda: not broken(), lambda: f"ten seconds as they are promised: {broken()}", seconds=120)
        assert len(ask(stamp)) == 2
        assert observer.status("main")["scrapers"] == 1
