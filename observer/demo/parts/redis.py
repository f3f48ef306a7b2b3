"""The demo's Redis, MealSync's cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.demo.parts.part import Sight, Stage
from observer.demo.servers import RedisServer
from observer.demo.servers.process import end_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observer.demo.parts.credentials import Credentials


class RedisPart:
    """Redis with a password."""

    key = "redis"
    title = "Redis"

    def __init__(self, *, credentials: Credentials) -> None:
        self.credentials = credentials
        self._server: RedisServer | None = None

    @property
    def server(self) -> RedisServer:
        assert self._server is not None  # noqa: S101 - parts are asked once they were started
        return self._server

    def start(self, stage: Stage) -> None:
        stage.say("Redis: starting")
        self._server = RedisServer.create(stage.directory / "redis", password=self.credentials.redis)
        self._server.start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()

    def ended(self) -> str | None:
        return None if self._server is None else end_of(self._server.process)

    def address(self) -> str:
        return f"redis://:{self.credentials.redis}@{self.server.host}:{self.server.port}/0"

    def sights(self) -> Sequence[Sight]:
        return [Sight(f"redis-cli -u {self.address()}", "MealSync's cache: INFO stats, SCAN 0")]
