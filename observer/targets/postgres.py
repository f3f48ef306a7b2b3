"""A session with a PostgreSQL server: read-only, bounded in time, never waiting long for anybody's lock."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.adapt import Loader
from psycopg.conninfo import conninfo_to_dict

import observer
from observer.errors import ConfigurationError, TargetUnreachable
from observer.targets.postgres_faults import connect_fault, fault_of
from observer.targets.secrets import torn
from observer.targets.wire import sever

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg.abc import Buffer

    from observer.deadlines import Deadline

MAX_LIFE = 3600.0
"""Seconds after which a connection is made anew: a backend never gives its catalogue caches back."""

CONNECT_TIMEOUT = 2
"""Seconds; the driver knows no shorter one."""


class _LenientText(Loader):
    """Texts of a database that knows no encoding may be in any; a replaced character beats no reading."""

    def load(self, data: Buffer) -> str:
        return bytes(data).decode("utf-8", "replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresAddress:
    """How to reach a server. The password is asked for at every connection and kept nowhere.

    Args:
        parameters: libpq's, without the password.
        password: Gives the password as it is now.
    """

    parameters: dict[str, str]
    password: Callable[[], str | None]

    @classmethod
    def parse(cls, dsn: str, password: Callable[[], str | None]) -> PostgresAddress:
        """Take a DSN apart.

        Raises:
            ConfigurationError: It is not one. The message never holds any of it: it may carry a password.
        """
        try:
            given = conninfo_to_dict(dsn)
        except psycopg.Error:
            given = {}
        ports = str(given.get("port") or "").replace(",", "")
        if (not given and dsn.strip()) or (ports and not ports.isdigit()) or torn(dsn):
            raise ConfigurationError(
                "the DSN is not a PostgreSQL connection string",
                remedy="Write postgresql://user@host:5432/database and percent-encode special characters.",
            )
        parameters = {key: str(value) for key, value in given.items() if value is not None}
        inline = parameters.pop("password", None)
        return cls(parameters=parameters, password=lambda: password() or inline)

    def to(self, database: str) -> PostgresAddress:
        """The address of another database of the same server."""
        return replace(self, parameters={**self.parameters, "dbname": database})

    @property
    def shown(self) -> str:
        """The address for people: user, host, port, database."""
        p = self.parameters
        host = p.get("host") or p.get("hostaddr") or os.environ.get("PGHOST", "local socket")
        user = f"{p['user']}@" if "user" in p else ""
        return f"{user}{host}:{p.get('port', '5432')}/{p.get('dbname', '')}"

    def connect(self, application_name: str, *, autocommit: bool = True) -> psycopg.Connection[Any]:
        """A new connection.

        Raises:
            ObserverError: The server is not reachable, or refuses.
        """
        defaults = {
            "application_name": application_name,
            "connect_timeout": str(CONNECT_TIMEOUT),
            "client_encoding": "utf8",
            "keepalives_idle": "15",
            "keepalives_interval": "5",
            "keepalives_count": "3",
        }
        parameters: dict[str, Any] = defaults | self.parameters
        password = self.password()
        if password is not None:
            parameters["password"] = password
        try:
            return psycopg.connect(autocommit=autocommit, **parameters)
        except psycopg.Error as error:
            raise connect_fault(error, self.shown) from None


class _LenientBinaryText(_LenientText):
    format = psycopg.pq.Format.BINARY


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What holds for the life of a connection."""

    version: int
    """As ``server_version_num``: 150018."""
    role: int
    """The oid of our role."""
    superuser: bool
    database: str
    extensions: dict[str, tuple[str, tuple[int, ...]]]
    """Schema and version by name of the extensions of the database that we are connected to."""
    pooled: bool
    """Whether a pooler stands between: then session settings would leak to its other clients."""
    reads_statistics: bool = True
    """Whether our role is shown what other roles do."""


class PostgresSession:
    """One persistent connection, made when it is needed and made anew when it is old or broken.

    Args:
        address: Where.
        statement_timeout: Most seconds of one of our queries.
        lock_timeout: Most seconds that one of our queries waits for a lock.
    """

    def __init__(
        self,
        address: PostgresAddress,
        *,
        statement_timeout: float,
        lock_timeout: float,
    ) -> None:
        self.address = address
        self._statement_timeout = statement_timeout
        self._lock_timeout = lock_timeout
        self._connection: psycopg.Connection[Any] | None = None
        self._facts: ServerFacts | None = None
        self._born = 0.0
        self._aborted = False

    def beside(self, database: str) -> PostgresSession:
        """A session with another database of the same server, under the same bounds; not connected yet."""
        return PostgresSession(
            self.address.to(database),
            statement_timeout=self._statement_timeout,
            lock_timeout=self._lock_timeout,
        )

    @property
    def connected(self) -> bool:
        """Whether there is a connection that is not known to be broken."""
        return self._connection is not None and not self._connection.closed

    def facts(self, deadline: Deadline) -> ServerFacts:
        """What is known of the server; connects when that is needed.

        Raises:
            ObserverError: The server does not answer, or refuses.
        """
        self._aborted = False
        connection = self._connection
        if connection is not None and (connection.closed or time.monotonic() - self._born > MAX_LIFE):
            self.close()
        if self._connection is None or self._facts is None:
            deadline.check()
            self._connection = self.address.connect(f"observer/{observer.__version__}")
            self._born = time.monotonic()
            try:
                self._facts = self._introduce(self._connection)
            except psycopg.Error as error:
                self.close()
                raise fault_of(error, self._aborted) from None
        return self._facts

    def awaken(self, deadline: Deadline) -> bool:
        """Make sure that the server answers, over a new connection when the old one was lost.

        Returns:
            Whether it is a standby.

        Raises:
            ObserverError: It does not answer, or refuses.
        """
        for fresh in (not self.connected, True):
            try:
                [(standby,)] = self.rows(b"SELECT pg_catalog.pg_is_in_recovery()", deadline=deadline)
            except TargetUnreachable:
                if fresh:
                    raise
                self.close()
            else:
                return bool(standby)
        raise AssertionError("the second attempt returns or raises")

    def rows(
        self,
        query: sql.Composed | bytes,
        parameters: Sequence[object] = (),
        *,
        deadline: Deadline,
    ) -> list[tuple[Any, ...]]:
        """The rows of a query, in binary format.

        Raises:
            ObserverError: It failed; the connection is given up when it is broken.
        """
        return self.table(query, parameters, deadline=deadline)[1]

    def table(
        self,
        query: sql.Composed | bytes,
        parameters: Sequence[object] = (),
        *,
        deadline: Deadline,
        search_path: str = "",
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The names of a result's columns, and its rows, in binary format.

        Args:
            query: One statement.
            parameters: Its parameters.
            deadline: By when.
            search_path: Schemas that it is to find names in, where that is more than the catalogue.

        Raises:
            ObserverError: It failed; the connection is given up when it is broken.
        """
        facts = self.facts(deadline)
        deadline.check()
        connection = self._connection
        if connection is None:
            raise TargetUnreachable(f"{self.address.shown}: the connection was given up")
        try:
            try:
                return self._execute(
                    connection, query, parameters, pooled=facts.pooled, search_path=search_path
                )
            except UnicodeDecodeError:
                # The fast loaders are strict.
                _bear_any_text(connection)
                return self._execute(
                    connection, query, parameters, pooled=facts.pooled, search_path=search_path
                )
        except psycopg.Error as error:
            if connection.closed:
                self.close()
            raise fault_of(error, self._aborted) from None

    def refresh_facts(self, deadline: Deadline) -> ServerFacts:
        """Ask anew what may change under a standing connection, such as extensions."""
        self._facts = None
        connection = self._connection
        if connection is not None and not connection.closed:
            try:
                self._facts = self._introduce(connection)
            except psycopg.Error as error:
                self.close()
                raise fault_of(error, self._aborted) from None
        return self.facts(deadline)

    def abort(self) -> None:
        """Cut the connection off under a query that does not return. Safe to call from another thread."""
        self._aborted = True
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                sever(connection.fileno())

    def close(self) -> None:
        connection, self._connection, self._facts = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                connection.close()

    def _execute(
        self,
        connection: psycopg.Connection[Any],
        query: sql.Composed | bytes,
        parameters: Sequence[object],
        *,
        pooled: bool,
        search_path: str,
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        with connection.transaction() if pooled or search_path else contextlib.nullcontext():
            if pooled:
                connection.execute(self._settings(local=True))
            if search_path:
                connection.execute(_SEARCH_PATH, (search_path,))
            cursor = connection.execute(query, parameters or None, binary=True)
            return [column.name for column in cursor.description or ()], cursor.fetchall()

    def _introduce(self, connection: psycopg.Connection[Any]) -> ServerFacts:
        # Whether settings may stay is in the answer, and the question must be bounded before it is asked.
        with connection.transaction():
            connection.execute(self._settings(local=True))
            row = connection.execute(_INTRODUCTION).fetchone()
        if row is None:
            raise psycopg.OperationalError("the server answered nothing")
        if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
            # The server would check for UTF-8 what a database without an encoding holds in any.
            connection.execute("SET client_encoding TO 'SQL_ASCII'")
            _bear_any_text(connection)
        pid, version, role, superuser, database, reads_statistics, extensions = row
        pooled = pid != connection.info.backend_pid
        if pooled:
            # A prepared statement lives in a server session that the next transaction may not get.
            connection.prepare_threshold = None
        else:
            connection.execute(self._settings(local=False))
        return ServerFacts(
            version=version,
            role=role,
            superuser=superuser,
            database=database,
            extensions={name: (schema, _version(text)) for name, schema, text in extensions},
            pooled=pooled,
            reads_statistics=reads_statistics,
        )

    def _settings(self, *, local: bool) -> sql.Composed:
        settings = {
            "statement_timeout": f"{self._statement_timeout * 1000:.0f}ms",
            "lock_timeout": f"{self._lock_timeout * 1000:.0f}ms",
            "idle_in_transaction_session_timeout": "10s",
            "default_transaction_read_only": "on",
            "search_path": "pg_catalog, pg_temp",
            "jit": "off",
            "max_parallel_workers_per_gather": "0",
        }
        calls = [
            sql.SQL("pg_catalog.set_config({}, {}, {})").format(name, value, local)
            for name, value in settings.items()
        ]
        return sql.SQL("SELECT {}").format(sql.SQL(", ").join(calls))


_SEARCH_PATH = b"SELECT pg_catalog.set_config('search_path', %s, true)"

_INTRODUCTION = b"""
SELECT pg_catalog.pg_backend_pid(),
       pg_catalog.current_setting('server_version_num')::pg_catalog.int4,
       r.oid::pg_catalog.int8,
       r.rolsuper,
       pg_catalog.current_database(),
       pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE'),
       ARRAY(SELECT ARRAY[e.extname::pg_catalog.text, n.nspname::pg_catalog.text, e.extversion]
               FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace)
  FROM pg_catalog.pg_roles r
 WHERE r.rolname = CURRENT_USER
"""


def _bear_any_text(connection: psycopg.Connection[Any]) -> None:
    for name in ("text", "varchar", "name", "bpchar"):
        connection.adapters.register_loader(name, _LenientText)
        connection.adapters.register_loader(name, _LenientBinaryText)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())
