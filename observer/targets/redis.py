"""A session with a Redis or Valkey server: several commands in one write, their replies in one read."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import redis
from redis.backoff import NoBackoff
from redis.connection import Connection, UnixDomainSocketConnection, parse_url
from redis.retry import Retry

from observer.errors import (
    ConfigurationError,
    DeadlineExceeded,
    Malformed,
    NotPermitted,
    ObserverError,
    TargetUnreachable,
)
from observer.targets.secrets import torn
from observer.targets.wire import sever

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from observer.deadlines import Deadline

CONNECT_TIMEOUT = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAddress:
    """How to reach a server. The password is asked for at every connection and kept nowhere."""

    parameters: dict[str, Any]
    password: Callable[[], str | None]

    @classmethod
    def parse(cls, url: str, password: Callable[[], str | None]) -> RedisAddress:
        """Take a URL apart.

        Raises:
            ConfigurationError: It is not one. The message holds nothing of it: it may carry a password.
        """
        try:
            parameters = dict(parse_url(url))  # type: ignore[no-untyped-call]  # typed in its clients only
        except ValueError:
            parameters = {}
        if not parameters or (torn(url) and not url.startswith("unix:")):
            raise ConfigurationError(
                "the URL is not a Redis address",
                remedy="Write redis://user@host:6379/0, rediss:// for TLS, or unix:///path/to/socket, and "
                "percent-encode special characters.",
            )
        inline = parameters.pop("password", None)
        return cls(parameters=parameters, password=lambda: password() or inline)

    @property
    def shown(self) -> str:
        """The address for people."""
        p = self.parameters
        return str(p["path"]) if "path" in p else f"{p.get('host', 'localhost')}:{p.get('port', 6379)}"

    def connect(self, seconds: float) -> Connection | UnixDomainSocketConnection:
        """A new connection that nothing is sent twice over.

        Raises:
            ObserverError: The server is not reachable, or refuses.
        """
        parameters = dict(self.parameters)
        kind = parameters.pop("connection_class", Connection)
        parameters |= {
            "password": self.password(),
            "socket_timeout": seconds,
            "socket_connect_timeout": min(CONNECT_TIMEOUT, seconds),
            "client_name": "observer",
            "lib_name": None,
            "lib_version": None,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
        }
        connection: Connection = kind(**parameters)
        try:
            connection.connect()  # type: ignore[no-untyped-call]  # typed in its clients only
        except redis.AuthenticationError as error:
            raise NotPermitted(
                f"{self.shown}: {_words(error)}",
                remedy="Check the user and the password, or the password_file.",
            ) from None
        except redis.RedisError as error:
            raise fault_of(error, self.shown) from None
        return connection


class RedisSession:
    """One persistent connection; made anew when it is broken."""

    def __init__(self, address: RedisAddress) -> None:
        self.address = address
        self._connection: Any = None
        self._aborted = False

    def ask(self, commands: Sequence[tuple[str, ...]], deadline: Deadline) -> list[Any]:
        """The replies to commands that were sent in one write; a refused command's reply is its error.

        Asks again over a new connection when the old one was lost: only reading commands are sent here.

        Raises:
            ObserverError: The server does not answer, or refuses the connection.
        """
        self._aborted = False
        for fresh in (self._connection is None, True):
            try:
                return self._ask(commands, deadline)
            except TargetUnreachable:
                self.close()
                if fresh:
                    raise
            except BaseException:
                # Replies that were not read would be taken for those of the next question.
                self.close()
                raise
        raise AssertionError("the second attempt returns or raises")

    def abort(self) -> None:
        """Cut the connection off under a command that does not return. Safe to call from another thread."""
        self._aborted = True
        line = getattr(self._connection, "_sock", None)
        if line is not None:
            sever(line.fileno())

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(redis.RedisError, OSError):
                connection.disconnect()

    def _ask(self, commands: Sequence[tuple[str, ...]], deadline: Deadline) -> list[Any]:
        left = deadline.check()
        if self._connection is None:
            self._connection = self.address.connect(left)
        connection = self._connection
        replies: list[Any] = []
        try:
            connection.send_packed_command(connection.pack_commands(commands), check_health=False)
            for _ in commands:
                deadline.check()
                try:
                    replies.append(connection.read_response(disable_decoding=True))
                except redis.ResponseError as refusal:
                    replies.append(refusal)
        except redis.RedisError as error:
            if self._aborted:
                raise DeadlineExceeded(f"{self.address.shown}: the server did not answer in time") from None
            raise fault_of(error, self.address.shown) from None
        return replies


def fault_of(error: redis.RedisError, shown: str) -> ObserverError:
    """What the client library's error means, in Observer's words."""
    words = f"{shown}: {_words(error)}"
    if isinstance(error, redis.TimeoutError):
        return DeadlineExceeded(words)
    if isinstance(error, (redis.exceptions.NoPermissionError, redis.exceptions.AuthenticationError)):
        return NotPermitted(words, remedy="Allow the user +info +config|get +slowlog +latency +ping.")
    if isinstance(error, redis.ConnectionError):
        return TargetUnreachable(
            words, remedy="Check that the server runs, and that its host and port are right."
        )
    return Malformed(words)


def _words(error: Exception) -> str:
    words = (str(error).strip().splitlines() or [type(error).__name__])[0]
    # The library names the address once more; it stands before the words already.
    return re.sub(r"Error (\d+) connecting to \S+ ", "", words)
