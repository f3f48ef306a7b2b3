"""A session with the admin console of a PgBouncer, which speaks the simple protocol only."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import psycopg

import observer
from observer.errors import NotAvailable, NotPermitted, ObserverError, TargetUnreachable
from observer.targets.postgres_faults import fault_of
from observer.targets.wire import sever

if TYPE_CHECKING:
    from observer.deadlines import Deadline
    from observer.targets.postgres import PostgresAddress

COMMANDS = frozenset(
    {
        *("VERSION", "LISTS", "CONFIG", "STATS_TOTALS", "POOLS", "DATABASES", "CLIENTS", "SERVERS"),
        *("STATE", "USERS", "MEM", "PEERS", "PEER_POOLS"),
    },
)

_LIST = "Name the user in stats_users (or admin_users) of pgbouncer.ini, and RELOAD."


class PgbouncerSession:
    """One persistent connection to the console; made anew when it is broken.

    Args:
        address: Where; the database is ``pgbouncer``.
    """

    def __init__(self, address: PostgresAddress) -> None:
        self.address = address
        self._connection: psycopg.Connection[Any] | None = None
        self._aborted = False

    @property
    def connected(self) -> bool:
        """Whether there is a connection that is not known to be broken."""
        return self._connection is not None and not self._connection.closed

    def begin(self, deadline: Deadline) -> str:
        """Make sure that the console answers, over a new connection when the old one was lost.

        Returns:
            What ``SHOW VERSION`` says.

        Raises:
            ObserverError: It does not answer, or refuses.
        """
        self._aborted = False
        for fresh in (not self.connected, True):
            try:
                return str(next(iter(self.show("VERSION", deadline)[0].values())))
            except TargetUnreachable:
                if fresh:
                    raise
                self.close()
        raise AssertionError("the second attempt returns or raises")

    def show(self, what: str, deadline: Deadline) -> list[dict[str, Any]]:
        """The rows of a SHOW command by name of column; every version has its own columns.

        Args:
            what: One of `COMMANDS`.
            deadline: By when.

        Raises:
            ObserverError: It failed.
        """
        names, rows = self.rows(what, deadline)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def rows(self, what: str, deadline: Deadline) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The names of the columns of a SHOW command, and its rows.

        Args:
            what: One of `COMMANDS`.
            deadline: By when.

        Raises:
            NotAvailable: This version does not know the command.
            ObserverError: It failed.
        """
        if what not in COMMANDS:
            raise ObserverError(f"SHOW {what} is not asked of a PgBouncer")
        deadline.check()
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
        try:
            cursor = self._connection.execute(f"SHOW {what}".encode())
            return [column.name for column in cursor.description or ()], cursor.fetchall()
        except psycopg.Error as error:
            words = (str(error).strip().splitlines() or [""])[0]
            if "not allowed" in words or "permission" in words:
                raise NotPermitted(f"PgBouncer refuses SHOW {what}: {words}", remedy=_LIST) from None
            if "invalid command" in words:
                raise NotAvailable(f"this PgBouncer does not know SHOW {what}") from None
            if self._connection.closed:
                self.close()
            raise fault_of(error, self._aborted) from None

    def _connect(self) -> psycopg.Connection[Any]:
        try:
            connection = self.address.connect(f"observer/{observer.__version__}")
        except TargetUnreachable as error:
            if error.sentence.endswith("not allowed"):
                raise NotPermitted(error.sentence, remedy=_LIST) from None
            raise
        connection.prepare_threshold = None
        return connection

    def abort(self) -> None:
        """Cut the connection off under a command that does not return. Safe to call from another thread."""
        self._aborted = True
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                sever(connection.fileno())

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                connection.close()
