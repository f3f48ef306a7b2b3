"""MealSync itself as a part of the demo."""

from __future__ import annotations

import importlib.util
import signal
from typing import TYPE_CHECKING

from observer.demo.parts.part import Sight, Stage
from observer.demo.parts.program import program
from observer.demo.servers.account import write_file
from observer.demo.servers.ports import free_port
from observer.demo.servers.process import end_of
from observer.demo.servers.server import answers
from observer.demo.workload.config import AppConfig
from observer.errors import NotAvailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observer.demo.parts.pgbouncer import PgBouncerPart
    from observer.demo.parts.postgres import PostgresPart
    from observer.demo.parts.redis import RedisPart
    from observer.demo.servers import ServerProcess


class AppPart:
    """The service and its simulated users, in a process of their own."""

    key = "app"
    title = "MealSync"

    def __init__(
        self, *, postgres: PostgresPart, pgbouncer: PgBouncerPart, redis: RedisPart, users: int, scale: float
    ) -> None:
        self._postgres = postgres
        self._pgbouncer = pgbouncer
        self._redis = redis
        self._users = users
        self._scale = scale
        self._port = 0
        self._process: ServerProcess | None = None

    @property
    def host_and_port(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self, stage: Stage) -> None:
        if importlib.util.find_spec("psycopg_pool") is None:
            raise NotAvailable(
                "MealSync needs the Python package psycopg-pool", remedy="install observer-sidecar[demo]"
            )
        stage.say(f"MealSync: starting with {self._users} users")
        self._port = free_port()
        config = AppConfig(
            port=self._port,
            pool_dsn=self._pgbouncer.address(),
            direct_dsn=self._postgres.address(),
            redis_url=self._redis.server.url,
            redis_password=self._redis.credentials.redis,
            users=self._users,
            scale=self._scale,
        )
        file = stage.directory / "app.json"
        process = program(
            stage,
            name=self.title,
            folder="app",
            arguments=("-m", "observer.demo.app", "--config", str(file)),
            death_signal=signal.SIGKILL,
        )
        write_file(file, config.dump(), process.account)
        self._process = process
        process.start()
        process.wait_until(lambda: answers(f"{self.address()}/actuator/health"), seconds=30)

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop(seconds=4)

    def ended(self) -> str | None:
        return None if self._process is None else end_of(self._process)

    def address(self) -> str:
        return f"http://{self.host_and_port}"

    def sights(self) -> Sequence[Sight]:
        return [
            Sight(
                f"{self.address()}/actuator/prometheus", "what MealSync tells of its pool and its requests"
            ),
            Sight(
                f"curl -X POST '{self.address()}/demo/fault?kind=lock&seconds=60'",
                "a forgotten transaction locks a table: sessions queue up, the pool runs dry",
            ),
        ]
