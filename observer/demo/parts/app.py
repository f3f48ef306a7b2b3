"""MealSync itself as a part of the demo: the Spring Boot service, or the one in Python."""

from __future__ import annotations

import importlib.util
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from observer.demo.jar import spring_service
from observer.demo.parts.part import Sight, Stage
from observer.demo.parts.program import program
from observer.demo.servers.account import write_file
from observer.demo.servers.ports import free_port
from observer.demo.servers.process import end_of
from observer.demo.servers.server import answers
from observer.demo.servers.spring import Database, SpringServer
from observer.demo.workload.config import AppConfig
from observer.demo.workload.endpoints import document
from observer.errors import NotAvailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observer.demo.jar import SpringService
    from observer.demo.parts.pgbouncer import PgBouncerPart
    from observer.demo.parts.postgres import PostgresPart
    from observer.demo.parts.redis import RedisPart
    from observer.demo.servers import ServerProcess

Program = Literal["spring", "python"]

_START_SECONDS = 120.0
"""A JVM on a machine that has much else to do."""


class AppPart:
    """The service, and its simulated users in a process of their own.

    Args:
        postgres: The database.
        pgbouncer: In front of it.
        redis: The cache.
        users: How many.
        scale: Of the sample.
        program: Which service; ``None`` takes the one in Java where that can be built and run.
    """

    key = "app"
    title = "MealSync"

    def __init__(
        self,
        *,
        postgres: PostgresPart,
        pgbouncer: PgBouncerPart,
        redis: RedisPart,
        users: int,
        scale: float,
        program: Program | None = None,
    ) -> None:
        self._postgres = postgres
        self._pgbouncer = pgbouncer
        self._redis = redis
        self._users = users
        self._scale = scale
        self._wanted = program
        self._port = 0
        self._spring: SpringServer | None = None
        self._process: ServerProcess | None = None

    @property
    def host_and_port(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def program(self) -> Program:
        """Which service runs."""
        return "python" if self._spring is None else "spring"

    def start(self, stage: Stage) -> None:
        if importlib.util.find_spec("psycopg_pool") is None:
            raise NotAvailable(
                "MealSync needs the Python package psycopg-pool", remedy="install observer-sidecar[demo]"
            )
        service = self._service(stage)
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
        if service is None:
            stage.say(f"MealSync: starting in Python, with {self._users} users")
            self._start_program(stage, config)
            return
        stage.say(f"MealSync: starting as a Spring Boot service, with {self._users} users")
        desk = replace(config, port=free_port(), service=self._port)
        self._spring = self._server(stage, service, config, desk=desk.port)
        self._spring.start(seconds=_START_SECONDS)
        self._start_program(stage, desk)

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop(seconds=4)
        if self._spring is not None:
            self._spring.stop()

    def ended(self) -> str | None:
        processes = (self._spring.process if self._spring else None, self._process)
        return next((why for one in processes if one is not None and (why := end_of(one))), None)

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

    def _service(self, stage: Stage) -> SpringService | None:
        """The Spring Boot service; ``None`` where the one in Python takes its place, and why is said."""
        if self._wanted == "python":
            return None
        try:
            return spring_service(stage.say)
        except NotAvailable as reason:
            if self._wanted == "spring":
                raise
            stage.say(f"MealSync: the one in Python takes the place of Spring Boot's: {reason.sentence}")
            return None

    def _server(self, stage: Stage, service: SpringService, config: AppConfig, *, desk: int) -> SpringServer:
        pooler = self._pgbouncer.server
        return SpringServer.create(
            stage.directory / "spring",
            service=service,
            endpoints=document(),
            database=Database(
                host=pooler.host,
                port=pooler.port,
                name="mealsync",
                user="mealsync",
                password=self._postgres.credentials.mealsync,
            ),
            redis_url=config.redis_url,
            redis_password=config.redis_password,
            settings={
                # Without underscores: CONNECTION_TIMEOUT would be the timeout of a property `connection`, and
                # Spring would open the pool to look at it.
                "SPRING_DATASOURCE_HIKARI_MAXIMUMPOOLSIZE": str(config.pool_max),
                "SPRING_DATASOURCE_HIKARI_CONNECTIONTIMEOUT": f"{config.pool_timeout * 1000:.0f}",
                "MEALSYNC_FAULTS": f"http://127.0.0.1:{desk}",
            },
            port=self._port,
        )

    def _start_program(self, stage: Stage, config: AppConfig) -> None:
        """The process in Python: the service with its users, or the users alone."""
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
        process.wait_until(lambda: answers(f"http://127.0.0.1:{config.port}/actuator/health"), seconds=30)
