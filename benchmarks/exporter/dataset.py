"""What is watched: a cluster with 5,000 statements and 500 tables, a Redis with 100,000 keys; some load."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any, Self

import psycopg
from psycopg import sql

from observer.demo.servers import PostgresServer, RedisServer

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

DATABASES = ("app1", "app2", "app3")
CONNECTED = DATABASES[0]
ROLE = "watcher"
STATEMENTS = 4950
BUSY_TABLES = 50
TABLES = 500
KEYS = 100_000
COLUMNS = 70
COLUMNS_OF_A_STATEMENT = 58
LOAD_PER_SECOND = 200
"""Statements that are executed a second while exporters are measured."""


def statement(number: int) -> bytes:
    """A statement of about 2,400 characters whose queryid no other number has."""
    columns = random.Random(number).sample(range(COLUMNS), COLUMNS_OF_A_STATEMENT)
    return ("SELECT " + ", ".join(map(_column, columns)) + " FROM wide_table_of_the_benchmark").encode()


def fill_postgres(server: PostgresServer) -> None:
    """Databases, tables, statements, and the role that exporters log in with."""
    role = sql.Identifier(ROLE)
    server.execute(
        "postgres",
        sql.SQL("CREATE ROLE {} LOGIN").format(role),
        sql.SQL("GRANT pg_monitor TO {}").format(role),
    )
    wide = ", ".join(f"{_column(index)} int" for index in range(COLUMNS))
    for database in DATABASES:
        server.create_database(database)
        with server.connect(database) as connection:
            connection.execute("SET pg_stat_statements.track = 'none'")
            connection.execute(f"CREATE TABLE wide_table_of_the_benchmark ({wide})".encode())
            if database == CONNECTED:
                _make_tables(connection)
            connection.execute("VACUUM ANALYZE")
    server.execute(CONNECTED, "SELECT public.pg_stat_statements_reset()")
    for share, database in enumerate(DATABASES):
        with server.connect(database, prepare_threshold=None) as connection:
            for number in range(share, STATEMENTS, len(DATABASES)):
                connection.execute(statement(number))


def fill_redis(server: RedisServer) -> None:
    with server.connect() as client:
        for start in range(0, KEYS, 5000):
            client.mset({f"meal:{number}": "x" * 100 for number in range(start, start + 5000)})


class Load:
    """Known statements and writes, so that counters move between two scrapes as they do in life."""

    def __init__(self, server: PostgresServer) -> None:
        self._connections: list[psycopg.Connection[Any]] = [
            server.connect(database, prepare_threshold=None) for database in DATABASES
        ]
        # These would push statements out of the 5,000.
        self._writer: psycopg.Connection[Any] = server.connect(
            CONNECTED, options="-c pg_stat_statements.track=none"
        )
        self.backends = frozenset(
            connection.info.backend_pid for connection in (*self._connections, self._writer)
        )
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join(10)
        for connection in (*self._connections, self._writer):
            connection.close()

    def _run(self) -> None:
        chooser = random.Random(7)
        while not self._ending.wait(0.25):
            table = chooser.randrange(BUSY_TABLES)
            self._writer.execute(f"UPDATE orders_{table:04} SET placed = placed WHERE id < 10".encode())
            for _ in range(LOAD_PER_SECOND // 4):
                # Busy statements are few, rare ones many: most of the load falls on a tenth of them.
                number = int(STATEMENTS * chooser.random() ** 3)
                self._connections[number % len(DATABASES)].execute(statement(number))


def start_postgres(directory: Path) -> PostgresServer:
    return PostgresServer.create(
        directory,
        settings={
            "shared_buffers": "256MB",
            "pg_stat_statements.max": "5000",
            # What the exporters ask is not to push out what they are asked for.
            "pg_stat_statements.track_utility": "off",
            "autovacuum": "off",
        },
    ).start()


def start_redis(directory: Path) -> RedisServer:
    return RedisServer.create(directory, settings={"maxmemory": "256mb"}).start()


def _column(index: int) -> str:
    return f"column_number_{index:02}_with_a_name_of_such_length"


def _make_tables(connection: psycopg.Connection[Any]) -> None:
    with connection.transaction():
        for number in range(TABLES):
            table = f"orders_{number:04}"
            connection.execute(
                f"CREATE TABLE {table} (id int PRIMARY KEY, customer int, placed date);"
                f"CREATE INDEX ON {table} (customer); CREATE INDEX ON {table} (placed);"
                f"INSERT INTO {table} SELECT n, n, 'today' FROM generate_series(1, 100) n".encode()
            )
