"""Observer itself as a part of the demo, as a user would run it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import yaml

from observer.demo.parts.part import Sight, Stage
from observer.demo.parts.program import program
from observer.demo.parts.slack import CHANNEL, TOKEN
from observer.demo.servers.account import write_file
from observer.demo.servers.process import end_of
from observer.demo.servers.server import answers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from observer.demo.parts.alertmanager import AlertmanagerPart
    from observer.demo.parts.app import AppPart
    from observer.demo.parts.pgbouncer import PgBouncerPart
    from observer.demo.parts.postgres import PostgresPart
    from observer.demo.parts.redis import RedisPart
    from observer.demo.parts.slack import SlackPart
    from observer.demo.servers import ServerProcess


class ObserverPart:
    """``observer serve`` with a configuration file for everything the demo runs."""

    key = "observer"
    title = "Observer"

    def __init__(
        self,
        *,
        postgres: PostgresPart,
        pgbouncer: PgBouncerPart,
        redis: RedisPart,
        app: AppPart,
        slack: SlackPart,
        alertmanager: AlertmanagerPart,
        prometheus: str,
        port: int,
    ) -> None:
        self._postgres = postgres
        self._pgbouncer = pgbouncer
        self._redis = redis
        self._app = app
        self._slack = slack
        self._alertmanager = alertmanager
        self._prometheus = prometheus
        self._port = port
        self._process: ServerProcess | None = None

    @property
    def host_and_port(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self, stage: Stage) -> None:
        stage.say("Observer: starting")
        file = stage.directory / "observer.yaml"
        process = program(
            stage,
            name=self.title,
            folder="observer",
            arguments=("-m", "observer", "serve", "--config", str(file)),
            # Unlike SIGKILL it leaves Observer the time to end its own children.
            death_signal=signal.SIGTERM,
        )
        secrets = {
            "postgres": self._postgres.credentials.observer,
            "redis": self._redis.credentials.redis,
            "slack": TOKEN,
            "webhook": self._postgres.credentials.webhook,
        }
        paths = {
            name: str(write_file(process.directory / f"{name}-password", f"{secret}\n", process.account))
            for name, secret in secrets.items()
        }
        paths["directory"] = str(process.directory)
        write_file(file, yaml.safe_dump(self._config(paths), sort_keys=False), process.account)
        self._process = process
        process.start()
        process.wait_until(lambda: answers(f"{self.address()}/metrics"), seconds=30)

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()

    def ended(self) -> str | None:
        return None if self._process is None else end_of(self._process)

    def address(self) -> str:
        return f"http://{self.host_and_port}"

    def sights(self) -> Sequence[Sight]:
        return [
            Sight(f"{self.address()}/", "what is watched, how fresh it is, what fails and why"),
            Sight(f"{self.address()}/metrics", "PostgreSQL, PgBouncer, Redis and HikariCP on one page"),
        ]

    def _config(self, passwords: Mapping[str, str]) -> dict[str, Any]:
        postgres, pgbouncer = self._postgres.server, self._pgbouncer.server
        return {
            "listen": self.host_and_port,
            "postgres": [
                {
                    "name": "mealsync",
                    "dsn": f"postgresql://observer@{postgres.host}:{postgres.port}/mealsync",
                    "password_file": passwords["postgres"],
                }
            ],
            "pgbouncer": [
                {
                    "name": "mealsync-pool",
                    "dsn": f"postgresql://observer@{pgbouncer.host}:{pgbouncer.port}/pgbouncer",
                    "password_file": passwords["postgres"],
                }
            ],
            "redis": [
                {
                    "name": "mealsync-cache",
                    "url": self._redis.server.url,
                    "password_file": passwords["redis"],
                }
            ],
            "slack": {
                "token_file": passwords["slack"],
                "channel": CHANNEL,
                "base_url": self._slack.base_url,
            },
            "alerts": {
                "token_file": passwords["webhook"],
                "alertmanagers": [self._alertmanager.address()],
            },
            # Minutes stand for hours in a demo.
            "prometheus": {"url": self._prometheus, "window": "30s", "compare_with": "1m"},
            "advise": {"interval": "60s", "sample_interval": "30s", "window": "10m", "deadline": "45s"},
            "store": {"path": f"{passwords['directory']}/observer.sqlite"},
            "hikari": [{"name": "mealsync-app", "url": f"{self._app.address()}/actuator/prometheus"}],
        }
