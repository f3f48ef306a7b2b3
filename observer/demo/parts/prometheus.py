"""The demo's Prometheus, scraping Observer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

import observer
from observer.demo.parts.part import Sight, Stage
from observer.demo.servers import PrometheusServer
from observer.demo.servers.account import make_directory, write_file
from observer.demo.servers.process import ServerFailed, end_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
        alertmanagers: Hosts and ports of those who are told of alerts.
    """

    key = "prometheus"
    title = "Prometheus"

    def __init__(
        self,
        *,
        observer: ObserverPart,
        app: AppPart,
        alertmanagers: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._observer = observer
        self._app = app
        self._alertmanagers = alertmanagers
        self._server: PrometheusServer | None = None

    @property
    def server(self) -> PrometheusServer:
        assert self._server is not None  # noqa: S101 - parts are asked once they were started
        return self._server

    def start(self, stage: Stage) -> None:
        stage.say("Prometheus: generating its configuration and rules, shortened for a demo")
        generated = make_directory(stage.directory / "generated", None)
        generate(
            generated,
            scrape_interval=_INTERVAL,
            observer_addresses=self._observer.host_and_port,
            alertmanager_addresses=",".join(self._alertmanagers()),
        )
        folder = make_directory(stage.directory / "prometheus", stage.account)
        rules = make_directory(folder / "rules", stage.account)
        for file in sorted((generated / "prometheus" / "rules").glob("*.yml")):
            write_file(rules / file.name, file.read_text(encoding="utf-8"), stage.account)
        config = yaml.safe_load((generated / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
        config = with_service(config, app=self._app.host_and_port) | {"rule_files": [f"{rules}/*.yml"]}
        stage.say("Prometheus: starting")
        self._server = PrometheusServer.create(folder, config=config)
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


def generate(directory: Path, *, scrape_interval: str, **parameters: str) -> None:
    """Run ``observer generate all`` as a user would, with everything shortened so that it shows in minutes.

    Raises:
        ServerFailed: It failed; the message holds its words.
    """
    arguments = [
        *(sys.executable, "-m", "observer", "generate", "all", "--out", str(directory)),
        *("--scrape-interval", scrape_interval, "--for-scale", "0.1", "--range-scale", "0.1"),
    ]
    for name, value in parameters.items():
        arguments += ["--set", f"{name}={value}"]
    source = str(Path(observer.__file__).resolve().parents[1])
    done = subprocess.run(
        arguments,
        env=os.environ | {"PYTHONPATH": source},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise ServerFailed(f"observer generate failed: {done.stderr.strip()}")
