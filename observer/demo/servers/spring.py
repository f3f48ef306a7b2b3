"""MealSync as a Spring Boot service: a JVM of our own, bounded in memory."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from observer.demo.servers.account import make_directory, may_enter, ordinary_account, write_file
from observer.demo.servers.ports import free_port
from observer.demo.servers.server import Server, answers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from observer.demo.jar import SpringService
    from observer.demo.servers.account import Account

HEAP = "160m"

_BOUNDS = (
    f"-Xmx{HEAP}",
    "-Xss512k",
    "-XX:MaxMetaspaceSize=128m",
    "-XX:ReservedCodeCacheSize=48m",
    # One collector thread and one compiler: a demo shares two cores with everything else.
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
)


@dataclass(frozen=True, slots=True)
class Database:
    """Where the service's pool connects to."""

    host: str
    port: int
    name: str
    user: str
    password: str = field(repr=False)


class SpringServer(Server):
    """The service. Make one with `create`."""

    name: ClassVar[str] = "MealSync"
    death_signal: ClassVar[signal.Signals] = signal.SIGKILL

    def __init__(
        self,
        *,
        directory: Path,
        port: int,
        account: Account | None,
        service: SpringService,
        environment: Mapping[str, str],
    ) -> None:
        super().__init__(directory=directory, port=port, account=account)
        self._service = service
        self._environment = dict(environment)

    @classmethod
    def create(
        cls,
        directory: Path,
        *,
        service: SpringService,
        endpoints: str,
        database: Database,
        redis_url: str,
        redis_password: str | None,
        settings: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> SpringServer:
        """Write what it reads into ``directory``; it is not started.

        Args:
            directory: Created when missing; its parent must be open to `ordinary_account`.

            service: What to run.

            endpoints: The routes, as `observer.demo.workload.endpoints.document` gives them.

            database: Through a pooler or not: nothing is prepared in the server.

            redis_url: The cache.

            redis_password: Of the cache.

            settings: Spring's properties as environment variables, over our own.

            port: A free one when not given.
        """
        account = _account(service)
        make_directory(directory, account)
        chosen = free_port() if port is None else port
        cache = urlsplit(redis_url)
        environment = {
            "SERVER_PORT": str(chosen),
            "MEALSYNC_ENDPOINTS": str(write_file(directory / "endpoints.json", endpoints, account)),
            "SPRING_DATASOURCE_URL": f"jdbc:postgresql://{database.host}:{database.port}/{database.name}",
            "SPRING_DATASOURCE_USERNAME": database.user,
            "SPRING_DATASOURCE_PASSWORD": database.password,
            # Not as a URL: that would make Spring leave the password out of account.
            "SPRING_DATA_REDIS_HOST": str(cache.hostname),
            "SPRING_DATA_REDIS_PORT": str(cache.port),
            **({} if redis_password is None else {"SPRING_DATA_REDIS_PASSWORD": redis_password}),
            **(settings or {}),
        }
        return cls(
            directory=directory, port=chosen, account=account, service=service, environment=environment
        )

    @property
    def host_and_port(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host_and_port}"

    def arguments(self) -> tuple[str, ...]:
        archive = self._service.archive
        return (
            self._service.java,
            *_BOUNDS,
            *((f"-XX:SharedArchiveFile={archive}",) if archive.is_file() else ()),
            f"-Djava.io.tmpdir={self.directory}",
            "-jar",
            str(self._service.jar),
        )

    def environment(self) -> Mapping[str, str]:
        return self._environment

    def stop(self) -> None:
        if self._process is not None:
            # It has nothing to lose, and an orderly end takes long while requests wait for a lock.
            self._process.stop(seconds=3.0)

    def ready(self) -> bool:
        return answers(f"{self.url}/actuator/health")


def _account(service: SpringService) -> Account | None:
    """An ordinary account where it can reach the jar, as it cannot below the home of root; else ourselves."""
    account = ordinary_account()
    reachable = all(may_enter(account, folder) for folder in service.jar.parents)
    return account if reachable else None
