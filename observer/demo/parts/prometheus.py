"""The demo's Prometheus, scraping Observer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from observer.demo.parts.part import Sight, Stage
from observer.demo.servers import PrometheusServer
from observer.demo.servers.process import end_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from observer.demo.parts.app import AppPart
    from observer.demo.parts.observer import ObserverPart

_INTERVAL = "5s"


def prometheus_config(
    *,
    observer: str,
    app: str,
    rule_files: Sequence[Path] = (),
    alertmanagers: Sequence[str] = (),
    interval: str = _INTERVAL,
) -> dict[str, Any]:
    """The content of a prometheus.yml for the demo.

    Args:
        observer: Host and port of Observer.

        app: Host and port of MealSync. Only its HTTP meters are taken: Observer brings those of its pool, and
            nothing shall be counted twice.

        rule_files: Absolute paths, patterns allowed.

        alertmanagers: Hosts and ports.

        interval: Between two scrapes, and between two evaluations of the rules.
    """
    config: dict[str, Any] = {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "scrape_configs": [
            {"job_name": "observer", "static_configs": [{"targets": [observer]}]},
            {
                "job_name": "mealsync",
                "metrics_path": "/actuator/prometheus",
                "static_configs": [{"targets": [app]}],
                "metric_relabel_configs": [
                    {"source_labels": ["__name__"], "regex": "http_server_.*", "action": "keep"}
                ],
            },
        ],
    }
    if rule_files:
        config["rule_files"] = [str(path) for path in rule_files]
    if alertmanagers:
        config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": list(alertmanagers)}]}]}
    return config


class PrometheusPart:
    """Prometheus with Observer and MealSync as its targets.

    Args:
        observer: Scraped.

        app: Scraped for its HTTP meters.

        rule_files: Of rules to evaluate.

        alertmanagers: Hosts and ports of those who are told.
    """

    key = "prometheus"
    title = "Prometheus"

    def __init__(
        self,
        *,
        observer: ObserverPart,
        app: AppPart,
        rule_files: Sequence[Path] = (),
        alertmanagers: Sequence[str] = (),
    ) -> None:
        self._observer = observer
        self._app = app
        self._rule_files = tuple(rule_files)
        self._alertmanagers = tuple(alertmanagers)
        self._server: PrometheusServer | None = None

    @property
    def server(self) -> PrometheusServer:
        assert self._server is not None  # noqa: S101 - parts are asked once they were started
        return self._server

    def start(self, stage: Stage) -> None:
        stage.say("Prometheus: starting")
        config = prometheus_config(
            observer=self._observer.host_and_port,
            app=self._app.host_and_port,
            rule_files=self._rule_files,
            alertmanagers=self._alertmanagers,
        )
        self._server = PrometheusServer.create(stage.directory / "prometheus", config=config)
        self._server.start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()

    def ended(self) -> str | None:
        return None if self._server is None else end_of(self._server.process)

    def address(self) -> str:
        return self.server.url

    def sights(self) -> Sequence[Sight]:
        graph = "/graph?g0.expr=rate(pg_stat_statements_seconds_total%5B1m%5D)&g0.tab=0"
        return [
            Sight(f"{self.address()}/targets", "what is scraped, every five seconds"),
            Sight(f"{self.address()}{graph}", "the seconds each statement takes"),
        ]
