"""The demo's PostgreSQL: roles of least privilege, and MealSync's data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from observer.demo.parts.part import Sight, Stage
from observer.demo.sample import load_sample
from observer.demo.servers import PostgresServer
from observer.demo.servers.process import end_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import LiteralString

    from observer.demo.parts.credentials import Credentials

DATABASE = "mealsync"

_SETTINGS = {
    # Filling a table that was created in the same transaction then needs no WAL.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "64MB",
}


class PostgresPart:
    """PostgreSQL with the database ``mealsync``, its owner, and Observer's role.

    Args:
        credentials: Passwords of the roles.

        scale: Of the sample.
    """

    key = "postgres"
    title = "PostgreSQL"

    def __init__(self, *, credentials: Credentials, scale: float) -> None:
        self.credentials = credentials
        self._scale = scale
        self._server: PostgresServer | None = None

    @property
    def server(self) -> PostgresServer:
        assert self._server is not None  # noqa: S101 - parts are asked once they were started
        return self._server

    def start(self, stage: Stage) -> None:
        stage.say("PostgreSQL: making a cluster")
        self._server = PostgresServer.create(
            stage.directory / "postgres", settings=_SETTINGS, authentication="scram-sha-256"
        )
        self._server.start()
        stage.say(f"PostgreSQL {self._server.version}: serving; filling MealSync's tables")
        with self._server.connect() as connection:
            _create_login(connection, "mealsync", self.credentials.mealsync)
            connection.execute("CREATE DATABASE mealsync OWNER mealsync")
            for statement in _APPLICATION_ROLE:
                connection.execute(statement)
        load_sample(self._as_owner, scale=self._scale, say=lambda line: stage.say(f"PostgreSQL: {line}"))
        with self._server.connect(DATABASE) as connection:
            prepare_for_observer(connection, password=self.credentials.observer)
            # What filled the tables is no part of the service's workload.
            connection.execute("SELECT public.pg_stat_statements_reset()")

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop("fast", seconds=5)

    def ended(self) -> str | None:
        return None if self._server is None else end_of(self._server.process)

    def address(self) -> str:
        return self.server.dsn(DATABASE, user="mealsync", password=self.credentials.mealsync)

    def sights(self) -> Sequence[Sight]:
        return [Sight(f"psql {self.address()}", "MealSync's tables; they lack the indexes the service needs")]

    def _as_owner(self) -> psycopg.Connection:
        return psycopg.connect(self.address(), autocommit=True)


_APPLICATION_ROLE: tuple[LiteralString, ...] = (
    "ALTER ROLE mealsync SET statement_timeout = '30s'",
    # One statement may then use one core at most, which bounds what the demo takes from the machine.
    "ALTER ROLE mealsync SET max_parallel_workers_per_gather = 0",
)

_OBSERVER_ROLE: tuple[LiteralString, ...] = (
    "GRANT pg_monitor TO observer",
    "ALTER ROLE observer CONNECTION LIMIT 4",
    "ALTER ROLE observer SET default_transaction_read_only = on",
    "ALTER ROLE observer SET statement_timeout = '5s'",
    "ALTER ROLE observer SET lock_timeout = '300ms'",
    "ALTER ROLE observer SET idle_in_transaction_session_timeout = '10s'",
    "ALTER ROLE observer SET search_path = pg_catalog, pg_temp",
    # EXPLAIN asks for SELECT on what it explains.
    "GRANT SELECT ON ALL TABLES IN SCHEMA public TO observer",
    "ALTER DEFAULT PRIVILEGES FOR ROLE mealsync IN SCHEMA public GRANT SELECT ON TABLES TO observer",
)


def prepare_for_observer(connection: psycopg.Connection, *, password: str) -> None:
    """Make Observer's role and extensions in one database, as its superuser."""
    _create_login(connection, "observer", password)
    for statement in _OBSERVER_ROLE:
        connection.execute(statement)
    connection.execute("CREATE EXTENSION pg_stat_statements SCHEMA public")
    offered = connection.execute(
        "SELECT 1 FROM pg_catalog.pg_available_extensions WHERE name = 'hypopg'"
    ).fetchone()
    if offered is not None:
        connection.execute("CREATE EXTENSION hypopg SCHEMA public")


def _create_login(connection: psycopg.Connection, name: str, password: str) -> None:
    # The server never sees the clear text, which pg_stat_statements would keep for everybody in pg_monitor.
    scrambled = connection.pgconn.encrypt_password(
        password.encode(), name.encode(), b"scram-sha-256"
    ).decode()
    connection.execute(
        sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(scrambled))
    )
