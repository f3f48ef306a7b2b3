"""PostgreSQL in a private directory: cluster, settings, start, stop, crash."""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import quote

import psycopg
from psycopg import sql

from observer.demo.servers.account import hand_over, make_directory, ordinary_account, write_file
from observer.demo.servers.ports import free_port
from observer.demo.servers.process import find_program, run_as
from observer.demo.servers.server import Server

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import LiteralString

    from observer.demo.servers.account import Account

Authentication = Literal["trust", "scram-sha-256"]
StopMode = Literal["smart", "fast", "immediate"]

_SIGNALS: dict[StopMode, signal.Signals] = {
    "smart": signal.SIGTERM,
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
}

# Durability is given up on purpose: the data is made up, and goes with the directory. Commits stay
# synchronous, which without fsync costs nothing: VACUUM marks no page all-visible that holds rows of a
# transaction which is not in the log on disk yet, and what it then leaves is chance.
_SETTINGS: dict[str, str] = {
    "listen_addresses": "127.0.0.1",
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track": "all",
    "track_io_timing": "on",
    "compute_query_id": "on",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "1GB",
    "wal_level": "replica",
    "logging_collector": "off",
    "log_line_prefix": "%m [%p] %a ",
    "timezone": "UTC",
}


class PostgresServer(Server):
    """A PostgreSQL server with a cluster of its own.

    Make one with `create`. The superuser is ``postgres``.
    """

    name: ClassVar[str] = "PostgreSQL"
    # SIGTERM would wait for the clients; without us nobody tells them to go.
    death_signal: ClassVar[signal.Signals] = signal.SIGQUIT
    superuser: ClassVar[str] = "postgres"

    def __init__(
        self, *, directory: Path, port: int, account: Account | None, bin_dir: Path, password: str | None
    ) -> None:
        super().__init__(directory=directory, port=port, account=account)
        self.bin_dir = bin_dir
        self.password = password

    @classmethod
    def create(
        cls,
        directory: Path,
        *,
        settings: Mapping[str, str] | None = None,
        bin_dir: Path | None = None,
        authentication: Authentication = "trust",
        port: int | None = None,
    ) -> PostgresServer:
        """Make a cluster in ``directory``; it is not started.

        Args:
            directory: Created when missing; its parent must be open to `ordinary_account`.

            settings: Lines of postgresql.conf, over our own.

            bin_dir: Where ``initdb`` and ``postgres`` lie; the newest installed version when not given.

            authentication: ``"scram-sha-256"`` gives the superuser a password, found in ``password``.

            port: A free one when not given.

        Raises:
            NotAvailable: PostgreSQL is not installed.

            ServerFailed: ``initdb`` failed.
        """
        account = ordinary_account()
        make_directory(directory, account)
        server = cls(
            directory=directory,
            port=free_port() if port is None else port,
            account=account,
            bin_dir=newest_bin_dir() if bin_dir is None else bin_dir,
            password=secrets.token_urlsafe(16) if authentication == "scram-sha-256" else None,
        )
        server._initialise(authentication)
        server.configure(settings or {})
        return server

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def version(self) -> int:
        """The major version."""
        return int((self.data / "PG_VERSION").read_text(encoding="ascii"))

    def configure(self, settings: Mapping[str, str]) -> None:
        """Write postgresql.conf anew: our settings, these over them. They count from the next start."""
        wanted = {
            **_SETTINGS,
            "port": str(self.port),
            "unix_socket_directories": str(self.directory),
            **settings,
        }
        quoted = {name: value.replace("'", "''") for name, value in wanted.items()}
        text = "".join(f"{name} = '{value}'\n" for name, value in quoted.items())
        write_file(self.data / "postgresql.conf", text, self.account)

    def arguments(self) -> tuple[str, ...]:
        return (str(self.bin_dir / "postgres"), "-D", str(self.data))

    def ready(self) -> bool:
        try:
            self.connect(connect_timeout=1).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, mode: StopMode = "fast", *, seconds: float = 20.0) -> None:
        """Shut down; when that takes longer than ``seconds``, immediately."""
        if self._process is not None:
            self._process.stop(_SIGNALS[mode], signal.SIGQUIT, seconds=seconds)

    def kill(self) -> None:
        """SIGKILL to the postmaster and to every process it has.

        Left to themselves busy backends notice only at their next wait that the postmaster is gone, and a new
        one refuses to start while they hold the shared memory.
        """
        if not self.running:
            return
        self.process.send(signal.SIGSTOP)  # so that it makes no child between the two lines
        children = _open_children(self.pid)
        super().kill()
        for descriptor in children:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            select.select([descriptor], [], [], 5)
            os.close(descriptor)

    def dsn(self, database: str = "postgres", *, user: str | None = None, password: str | None = None) -> str:
        """A connection URI over TCP; without ``user`` the superuser's, with its password when it has one."""
        if user is None:
            user, password = self.superuser, self.password
        secret = "" if password is None else f":{quote(password, safe='')}"
        return (
            f"postgresql://{quote(user, safe='')}{secret}@{self.host}:{self.port}/{quote(database, safe='')}"
        )

    def connect(
        self,
        database: str = "postgres",
        *,
        user: str | None = None,
        **options: Any,  # noqa: ANN401 - psycopg's own options
    ) -> psycopg.Connection:
        """A connection in autocommit mode; the superuser's when no user is named."""
        return psycopg.connect(self.dsn(database, user=user), autocommit=True, **options)

    def execute(self, database: str, *statements: LiteralString | sql.Composed) -> None:
        """Run statements as the superuser, each in a transaction of its own."""
        with self.connect(database) as connection:
            for statement in statements:
                connection.execute(statement)

    def create_database(self, name: str, *, extensions: tuple[str, ...] = ("pg_stat_statements",)) -> None:
        """Create a database with extensions in its schema ``public``."""
        self.execute("postgres", sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        for extension in extensions:
            self.execute(name, sql.SQL("CREATE EXTENSION {} SCHEMA public").format(sql.Identifier(extension)))

    def _initialise(self, authentication: Authentication) -> None:
        arguments = [
            str(self.bin_dir / "initdb"),
            f"--pgdata={self.data}",
            f"--username={self.superuser}",
            f"--auth={authentication}",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]
        if self.password is None:
            run_as(self.account, arguments, directory=self.directory, seconds=120)
            return
        secret = write_file(self.directory / "superuser-password", self.password + "\n", self.account)
        hand_over(secret, self.account)
        try:
            run_as(self.account, [*arguments, f"--pwfile={secret}"], directory=self.directory, seconds=120)
        finally:
            secret.unlink()


def _open_children(pid: int) -> list[int]:
    """A pidfd of each child: it never means another process, and is readable once the child is dead."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    descriptors = []
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            descriptors.append(os.pidfd_open(int(child)))
    return descriptors


def newest_bin_dir() -> Path:
    """Where the newest installed PostgreSQL keeps its programs; Debian keeps them out of PATH.

    Raises:
        NotAvailable: None is installed.
    """
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    if found:
        return max(found, key=lambda path: int(path.parent.name))
    return Path(find_program("postgres", package="postgresql")).resolve().parent
