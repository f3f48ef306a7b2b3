"""The demo's Prometheus, scraping Observer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from observer.demo.parts.generated import generate
from observer.demo.parts.part import Sight, Stage
from observer.demo.servers import PrometheusServer
from observer.demo.servers.account import make_directory, write_file
from observer.demo.servers.process import end_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observer.demo.parts.alertmanager import AlertmanagerPart
    from observer.demo.parts.app import AppPart
    from observer.demo.parts.observer import ObserverPart

_INTERVAL = "5s"


def with_service(config: dict[str, Any], *, app: str) -> dict[str, Any]:
    """A generated prometheus.yml with MealSync as a further target.

    Only its HTTP meters are taken: Observer brings those of its pool, and nothing shall be counted twice.
    """
    service = {
        "job_name": "mealsync",
        "metrics_path": "/actuator/prometheus",
        "static_configs": [{"targets": [app]}],
        "metric_relabel_configs": [
            {"source_labels": ["__name__"], "regex": "http_server_.*", "action": "keep"},
        ],
    }
    return {**config, "scrape_configs": [*config["scrape_configs"], service]}


class PrometheusPart:
    """Prometheus with Observer and MealSync as its targets.

    Args:
        observer: Scraped.
        app: Scraped for its HTTP meters.
        port: Where it serves; Observer is told of it before it is there.
        alertmanager: Told of alerts.
    """

    key = "prometheus"
    title = "Prometheus"

    def __init__(
        self,
        *,
        observer: ObserverPart,
        app: AppPart,
        alertmanager: AlertmanagerPart,
        port: int,
    ) -> None:
        self._observer = observer
        self._app = app
        self._alertmanager = alertmanager
        self._port = port
        self._server: PrometheusServer | None = None

    @property
    def server(self) -> PrometheusServer:
        assert self._server is not None  # noqa: S101 - parts are asked once they were started
        return self._server

    def start(self, stage: Stage) -> None:
        stage.say("Prometheus: generating its configuration and rules, shortened for a demo")
        generated = generate(
            ["all", "--scrape-interval", _INTERVAL],
            make_directory(stage.directory / "generated", None),
            observer_addresses=self._observer.host_and_port,
            alertmanager_addresses=self._alertmanager.host_and_port,
            # There is no Grafana in the demo: a link to it would lead nowhere.
            grafana_url="",
        )
        folder = make_directory(stage.directory / "prometheus", stage.account)
        rules = make_directory(folder / "rules", stage.account)
        for file in sorted((generated / "prometheus" / "rules").glob("*.yml")):
            write_file(rules / file.name, file.read_text(encoding="utf-8"), stage.account)
        config = yaml.safe_load((generated / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
        config = with_service(config, app=self._app.host_and_port) | {"rule_files": [f"{rules}/*.yml"]}
        stage.say("Prometheus: starting")
        self._server = PrometheusServer.create(folder, config=config, port=self._port)
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
            Sight(f"{self.address()}/alerts", "the generated rules, and which of them fire"),
            Sight(f"{self.address()}{graph}", "the seconds each statement takes"),
        ]
