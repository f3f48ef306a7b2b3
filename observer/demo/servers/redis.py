"""Redis without persistence."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from observer.demo.servers.account import make_directory, ordinary_account, write_file
from observer.demo.servers.ports import free_port
from observer.demo.servers.process import find_program
from observer.demo.servers.server import Server

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from observer.demo.servers.account import Account

_SETTINGS: dict[str, str] = {
    "bind": "127.0.0.1",
    "save": '""',
    "appendonly": "no",
    "daemonize": "no",
    "maxmemory": "64mb",
    "maxmemory-policy": "allkeys-lru",
}


class RedisServer(Server):
    """A Redis server. Make one with `create`."""

    name: ClassVar[str] = "Redis"

    def __init__(
        self,
        *,
        directory: Path,
        port: int,
        account: Account | None,
        password: str | None,
        sentinel: bool = False,
    ) -> None:
        super().__init__(directory=directory, port=port, account=account)
        self.password = password
        self.sentinel = sentinel

    @classmethod
    def create(
        cls,
        directory: Path,
        *,
        settings: Mapping[str, str] | None = None,
        password: str | None = None,
        port: int | None = None,
        lines: Sequence[str] = (),
        users: Sequence[str] = (),
        sentinel: bool = False,
    ) -> RedisServer:
        """Write its configuration into ``directory``; it is not started.

        Args:
            directory: Created when missing; its parent must be open to `ordinary_account`.

            settings: Lines of redis.conf, over our own.

            password: Of the default user.

            port: A free one when not given.

            lines: More lines of redis.conf, for settings that stand there several times.

            users: Lines of an ACL file; that of the default user is needed too once there is one.

            sentinel: Whether it watches masters, named in ``lines``, and holds no data.
        """
        account = ordinary_account()
        make_directory(directory, account)
        server = cls(
            directory=directory,
            port=free_port() if port is None else port,
            account=account,
            password=password,
            sentinel=sentinel,
        )
        base = {"bind": _SETTINGS["bind"], "daemonize": "no"} if sentinel else _SETTINGS
        wanted = {**base, "port": str(server.port), "dir": str(directory), **(settings or {})}
        if password is not None:
            wanted["requirepass"] = password
        if users:
            wanted["aclfile"] = str(directory / "users.acl")
            write_file(directory / "users.acl", "".join(f"{user}\n" for user in users), account)
        text = "".join(f"{line}\n" for line in (*(f"{n} {value}" for n, value in wanted.items()), *lines))
        write_file(directory / "redis.conf", text, account)
        return server

    @property
    def url(self) -> str:
        """Address without the password."""
        return f"redis://{self.host}:{self.port}/0"

    def arguments(self) -> tuple[str, ...]:
        program = find_program("redis-server", package="redis-server")
        return (program, str(self.directory / "redis.conf"), *(("--sentinel",) if self.sentinel else ()))

    def connect(self) -> redis.Redis:
        """A client of the default user which does not try again by itself."""
        return redis.Redis(
            host=self.host,
            port=self.port,
            password=self.password,
            decode_responses=True,
            socket_timeout=5,
            socket_connect_timeout=1,
            retry=Retry(NoBackoff(), 0),
        )

    def ready(self) -> bool:
        try:
            with self.connect() as client:
                return bool(client.ping())
        except redis.ConnectionError:  # BusyLoadingError is one as well
            return False
