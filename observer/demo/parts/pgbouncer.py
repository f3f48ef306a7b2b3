"""The demo's PgBouncer, between MealSync and its database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.demo.parts.part import Sight, Stage
from observer.demo.parts.postgres import DATABASE, PostgresPart
from observer.demo.servers import PgBouncerServer
from observer.demo.servers.process import end_of

if TYPE_CHECKING:
    from collections.abc import Sequence


class PgBouncerPart:
    """PgBouncer in front of the demo's PostgreSQL."""

    key = "pgbouncer"
    title = "PgBouncer"

    def __init__(self, *, postgres: PostgresPart) -> None:
        self._postgres = postgres
        self._server: PgBouncerServer | None = None

    @property
    def server(self) -> PgBouncerServer:
        assert self._server is not None  # noqa: S101 - parts are asked once they were started
        return self._server

    def start(self, stage: Stage) -> None:
        stage.say("PgBouncer: starting")
        behind, credentials = self._postgres.server, self._postgres.credentials
        self._server = PgBouncerServer.create(
            stage.directory / "pgbouncer",
            databases={DATABASE: f"host={behind.host} port={behind.port} dbname={DATABASE}"},
            users={
                "mealsync": credentials.mealsync,
                "observer": credentials.observer,
                "admin": credentials.pool_admin,
            },
            admin_user="admin",
            stats_user="observer",
        )
        self._server.start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()

    def ended(self) -> str | None:
        return None if self._server is None else end_of(self._server.process)

    def address(self) -> str:
        return self.server.dsn(DATABASE, user="mealsync")

    def sights(self) -> Sequence[Sight]:
        return [Sight(f"psql {self.server.dsn()}", "the pool's console: SHOW POOLS, SHOW STATS")]
