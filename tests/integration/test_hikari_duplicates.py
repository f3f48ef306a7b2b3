"""Pools that Prometheus scrapes itself stand on Observer's page only where that is wished."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.deadlines import Deadline
from observer.errors import ObserverError
from observer.exporter.hikari.duplicates import EXPRESSION
from observer.targets.prometheus import PrometheusSession
from tests.conditions import wait_for
from tests.serving import BRISK, ActuatorServer, Serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import PrometheusFactory


def test_what_prometheus_scrapes_itself_is_left_out(
    prometheus_factory: PrometheusFactory, tmp_path: Path
) -> None:
    """One of two services is; its pools are not counted twice, ``hikaricp_up`` stays, and it is said why."""
    with ActuatorServer() as scraped, ActuatorServer() as other:
        place = scraped.url.split("/")[2]
        prometheus = prometheus_factory(
            {
                "global": {"scrape_interval": "1s"},
                "scrape_configs": [
                    {
                        "job_name": "orders-service",
                        "metrics_path": "/actuator/prometheus",
                        "static_configs": [{"targets": [place]}],
                    }
                ],
            }
        )
        session = PrometheusSession(prometheus.url)

        def known() -> bool:
            try:
                return bool(session.query(EXPRESSION, Deadline(10, "asking")))
            except ObserverError:
                return False

        wait_for(known, "Prometheus has the pools", seconds=60)
        config = {
            "prometheus": {"url": prometheus.url},
            "hikari": [
                {"name": "orders", "urls": [scraped.url, other.url]},
                {"name": "kept", "url": scraped.url, "duplicate": "keep"},
            ],
            "scrape": BRISK,
        }
        with Serving(tmp_path, config) as observer:
            observer.wait_up("kept")

            def left_out() -> bool:
                observer.page()
                return "left out" in observer.status("orders")["facts"]

            wait_for(left_out, "Observer learns of it", seconds=60)
            page = observer.fresh("orders")
            shown = [labels["replica"] for labels, _ in page.samples("hikaricp_connections", target="orders")]
            assert shown == [other.url.split("/")[2]]
            assert page.value("hikaricp_connections", target="kept") == 10
            assert page.sum("hikaricp_up", target="orders") == 2
            said = observer.status("orders")
            assert "orders-service" in said["facts"]["left out"]
            assert (said["state"], said["faults"]) == ("up", [])
            assert observer.events("hikari.left_out", target="orders")
