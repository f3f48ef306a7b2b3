"""A session with a Redis or Valkey server: several commands in one write, their replies in one read."""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import redis
from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection, parse_url
from redis.retry import Retry

from observer.errors import (
    ConfigurationError,
    DeadlineExceeded,
    Malformed,
    NotAvailable,
    NotPermitted,
    ObserverError,
    TargetUnreachable,
)
from observer.targets.secrets import torn
from observer.targets.wire import sever

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from observer.deadlines import Deadline

CONNECT_TIMEOUT = 2.0

Command: TypeAlias = tuple[str | bytes, ...]
"""A command and its arguments."""

CONTAINERS = frozenset(
    {"acl", "client", "cluster", "config", "latency", "memory", "sentinel", "slowlog", "xinfo"}
)
"""Commands whose second word is part of the command; a right to one is written ``+config|get``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAddress:
    """How to reach a server. The password is asked for at every connection and kept nowhere."""

    parameters: dict[str, Any]
    password: Callable[[], str | None]

    @classmethod
    def parse(
        cls,
        url: str,
        password: Callable[[], str | None],
        *,
        ca_file: Path | None = None,
        cert_file: Path | None = None,
        key_file: Path | None = None,
    ) -> RedisAddress:
        """Take a URL apart.

        Args:
            url: ``redis://``, ``rediss://`` or ``unix://``.
            password: Asked at each connection; comes before the URL's own.
            ca_file: Whose certificates are trusted; the system's when not given.
            cert_file: Our certificate, for servers that ask for one.
            key_file: Its key.

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
        if parameters.get("connection_class") is SSLConnection:
            files = {"ssl_ca_certs": ca_file, "ssl_certfile": cert_file, "ssl_keyfile": key_file}
            parameters |= {name: str(file) for name, file in files.items() if file is not None}
        return cls(parameters=parameters, password=lambda: password() or inline)

    @property
    def shown(self) -> str:
        """The address for people."""
        p = self.parameters
        return str(p["path"]) if "path" in p else f"{p.get('host', 'localhost')}:{p.get('port', 6379)}"

    @property
    def user(self) -> str:
        """The user of the access control list that Observer is."""
        return str(self.parameters.get("username") or "default")

    @property
    def database(self) -> int:
        """The database that a connection begins in."""
        return int(self.parameters.get("db") or 0)

    def at(self, host: str, port: int) -> RedisAddress:
        """Another server that is reached in the same way, as the same user."""
        return replace(self, parameters=self.parameters | {"host": host, "port": port})

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
            "driver_info": None,
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
        except (redis.RedisError, OSError) as error:
            raise fault_of(error, self.shown) from None
        return connection


class RedisSession:
    """One persistent connection; made anew when it is broken.

    Args:
        address: Where.
        renamed: What the server calls commands that were renamed there, by their usual name.
    """

    def __init__(self, address: RedisAddress, *, renamed: Mapping[str, str] | None = None) -> None:
        self.address = address
        self.connect_seconds = 0.0
        """How long the newest connection took."""
        self._renamed = {name.upper(): new for name, new in (renamed or {}).items()}
        self._connection: Any = None
        self._aborted = False

    def beside(self, host: str, port: int) -> RedisSession:
        """A session with another server, reached in the same way."""
        return RedisSession(self.address.at(host, port), renamed=self._renamed)

    @property
    def connected(self) -> bool:
        """Whether there is a connection that is not known to be broken."""
        return self._connection is not None

    def ask(self, commands: Sequence[Command], deadline: Deadline) -> list[Any]:
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

    def _ask(self, commands: Sequence[Command], deadline: Deadline) -> list[Any]:
        left = deadline.check()
        if self._connection is None:
            began = time.monotonic()
            self._connection = self.address.connect(left)
            self.connect_seconds = time.monotonic() - began
            # A name for CLIENT LIST; whoever may not give one goes on without.
            return self._exchange([("CLIENT", "SETNAME", "observer"), *commands], deadline)[1:]
        return self._exchange(commands, deadline)

    def _exchange(self, commands: Sequence[Command], deadline: Deadline) -> list[Any]:
        connection = self._connection
        replies: list[Any] = []
        if self._renamed:
            commands = [(self._renamed.get(str(word).upper(), word), *rest) for word, *rest in commands]
        try:
            connection.send_packed_command(connection.pack_commands(commands), check_health=False)
            for _ in commands:
                deadline.check()
                try:
                    replies.append(connection.read_response(disable_decoding=True, disconnect_on_error=False))
                except (redis.ResponseError, redis.BusyLoadingError) as refusal:
                    replies.append(refusal)
        except redis.RedisError as error:
            if self._aborted:
                raise DeadlineExceeded(f"{self.address.shown}: the server did not answer in time") from None
            raise fault_of(error, self.address.shown) from None
        return replies


def moved(reply: object) -> bool:
    """Whether another node of a cluster has the key that was asked for."""
    return isinstance(reply, redis.exceptions.AskError)


def right(command: Command) -> str:
    """What grants a command in the access control list: ``+info``, ``+config|get``."""
    first, *rest = (str(word).lower() for word in command[:2])
    return f"+{first}|{rest[0]}" if first in CONTAINERS and rest else f"+{first}"


def refusal_of(error: Exception, command: Command, user: str) -> ObserverError:
    """What the refusal of one command means, and what mends it.

    Args:
        error: The server's reply.
        command: What was asked.
        user: Who asked.
    """
    name = right(command)[1:].replace("|", " ").upper()
    words = f"the server refuses {name}: {_words(error)}"
    lower = words.lower()
    if isinstance(error, redis.exceptions.NoPermissionError):
        if "key" in lower.partition("permission")[2]:
            remedy = f"Let the user read the keys: ACL SETUSER {user} ~PATTERN, or %R~PATTERN since Redis 7."
        else:
            remedy = f"Grant the right: ACL SETUSER {user} {right(command)}"
        return NotPermitted(words, remedy=remedy)
    if isinstance(error, redis.BusyLoadingError):
        return TargetUnreachable(words, remedy="Wait until the server has loaded its data.")
    if isinstance(error, redis.exceptions.ClusterDownError):
        return TargetUnreachable(
            words, remedy="Bring back the node that has the slot, or the replica's master."
        )
    if "BUSY" in words:
        return TargetUnreachable(words, remedy="Wait for the script, or end it with SCRIPT KILL.")
    if "unknown" in lower:
        return NotAvailable(
            words,
            remedy="Say its new name in the setting renamed when it was renamed; name the collector in the "
            "setting without when this server does not have it.",
        )
    return Malformed(words)


def fault_of(error: Exception, shown: str) -> ObserverError:
    """What the client library's error means, in Observer's words."""
    words = f"{shown}: {_words(error)}"
    if isinstance(error, redis.TimeoutError):
        return DeadlineExceeded(words)
    if isinstance(error, (redis.exceptions.NoPermissionError, redis.exceptions.AuthenticationError)):
        return NotPermitted(words, remedy="Check the user, the password and the rights of the user.")
    if "certificate" in words.lower() or "ssl" in words.lower():
        return TargetUnreachable(
            words, remedy="Check ca_file, cert_file and key_file, and that the certificate is for this host."
        )
    if isinstance(error, (redis.ConnectionError, OSError)):
        return TargetUnreachable(
            words, remedy="Check that the server runs, and that its host and port are right."
        )
    return Malformed(words)


def _words(error: Exception) -> str:
    words = (str(error).strip().splitlines() or [type(error).__name__])[0]
    # The library names the address once more; it stands before the words already.
    return re.sub(r"Error (\d+) connecting to \S+ ", "", words)
