"""PgBouncer in front of a PostgreSQL server of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

import psycopg

from observer.demo.servers.account import make_directory, ordinary_account, write_file
from observer.demo.servers.ports import free_port
from observer.demo.servers.process import find_program
from observer.demo.servers.server import Server

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from observer.demo.servers.account import Account

_SETTINGS: dict[str, str] = {
    "listen_addr": "127.0.0.1",
    "unix_socket_dir": "",
    "pool_mode": "transaction",
    "max_client_conn": "200",
    "default_pool_size": "10",
    "ignore_startup_parameters": "extra_float_digits,options",
    "log_connections": "0",
    "log_disconnections": "0",
    "stats_period": "60",
}


class PgBouncerServer(Server):
    """A PgBouncer that pools transactions. Make one with `create`."""

    name: ClassVar[str] = "PgBouncer"

    def __init__(
        self,
        *,
        directory: Path,
        port: int,
        account: Account | None,
        users: Mapping[str, str],
        admin_user: str,
        stats_user: str,
    ) -> None:
        super().__init__(directory=directory, port=port, account=account)
        self.users = dict(users)
        self.admin_user = admin_user
        self.stats_user = stats_user

    @classmethod
    def create(
        cls,
        directory: Path,
        *,
        databases: Mapping[str, str],
        users: Mapping[str, str],
        admin_user: str = "admin",
        stats_user: str = "stats",
        settings: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> PgBouncerServer:
        """Write its configuration into ``directory``; it is not started.

        Args:
            directory: Created when missing; its parent must be open to `ordinary_account`.

            databases: Name to connection string, as in ``[databases]``.

            users: Name to password in clear text, which SCRAM to PostgreSQL needs; must hold the two below.

            admin_user: May do everything in the console.

            stats_user: May look at the console.

            settings: Lines of ``[pgbouncer]``, over our own; ``auth_type`` is scram-sha-256.

            port: A free one when not given.
        """
        account = ordinary_account()
        make_directory(directory, account)
        wanted = {
            **_SETTINGS,
            "auth_type": "scram-sha-256",
            "auth_file": str(directory / "userlist.txt"),
            "admin_users": admin_user,
            "stats_users": stats_user,
            **(settings or {}),
        }
        server = cls(
            directory=directory,
            port=free_port() if port is None else port,
            account=account,
            users=users,
            admin_user=admin_user,
            stats_user=stats_user,
        )
        listed = "".join(f'"{_double(name)}" "{_double(secret)}"\n' for name, secret in users.items())
        write_file(directory / "userlist.txt", listed, account)
        lines = [
            "[databases]",
            *(f"{name} = {target}" for name, target in databases.items()),
            "[pgbouncer]",
            f"listen_port = {server.port}",
            *(f"{name} = {value}" for name, value in wanted.items()),
        ]
        write_file(directory / "pgbouncer.ini", "\n".join(lines) + "\n", account)
        return server

    def arguments(self) -> tuple[str, ...]:
        program = find_program("pgbouncer", package="pgbouncer")
        return (program, "--quiet", str(self.directory / "pgbouncer.ini"))

    def ready(self) -> bool:
        try:
            # The console knows no BEGIN, so nothing but autocommit will do.
            psycopg.connect(self.dsn(), autocommit=True, connect_timeout=1).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """End it at once: it keeps nothing, and since 1.23 SIGTERM waits for every client to leave."""
        self.kill()

    def dsn(self, database: str = "pgbouncer", *, user: str | None = None, with_password: bool = True) -> str:
        """A connection URI over TCP; the console's and the administrator's when not told otherwise."""
        name = self.admin_user if user is None else user
        secret = f":{quote(self.users[name], safe='')}" if with_password and name in self.users else ""
        return (
            f"postgresql://{quote(name, safe='')}{secret}@{self.host}:{self.port}/{quote(database, safe='')}"
        )


def _double(text: str) -> str:
    return text.replace('"', '""')
