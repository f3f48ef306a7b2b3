"""Connections to the store: how SQLite must be set so that a commit is a promise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool, QueuePool

if TYPE_CHECKING:
    from pathlib import Path

BUSY_SECONDS = 5.0
READERS = 3


def writing(path: Path) -> Engine:
    """The engine of the one writer: each transaction takes the write lock when it begins."""
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)

    def connected(connection: Any, _record: Any) -> None:  # noqa: ANN401 - a DBAPI connection has no type
        # The driver's own BEGIN comes late and deferred; without it, ours below is the only one.
        connection.isolation_level = None
        _pragmas(
            connection,
            f"busy_timeout = {int(BUSY_SECONDS * 1000)}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "temp_store = MEMORY",
            "cache_size = -2000",
            "wal_autocheckpoint = 500",
            "journal_size_limit = 4194304",
        )

    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    return engine


def reading(path: Path) -> Engine:
    """The engine of readers: they see the last commit, never wait for the writer, and cannot write."""
    engine = create_engine(f"sqlite:///{path}", poolclass=QueuePool, pool_size=READERS, max_overflow=0)

    def connected(connection: Any, _record: Any) -> None:  # noqa: ANN401 - a DBAPI connection has no type
        connection.isolation_level = None
        _pragmas(
            connection, f"busy_timeout = {int(BUSY_SECONDS * 1000)}", "query_only = ON", "cache_size = -1000"
        )

    def begun(connection: Connection) -> None:
        # One snapshot for all statements of a reader.
        connection.exec_driver_sql("BEGIN")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    return engine


def _pragmas(connection: Any, *settings: str) -> None:  # noqa: ANN401 - a DBAPI connection has no type
    cursor = connection.cursor()
    for setting in settings:
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()
