"""Talking to the actuator of a service: GETs over one kept connection, bounded in time and in bytes."""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import observer
from observer.errors import (
    ConfigurationError,
    DeadlineExceeded,
    Malformed,
    NotAvailable,
    NotPermitted,
    TargetUnreachable,
)
from observer.targets.resolver import Lookup, system_addresses
from observer.targets.secrets import torn
from observer.targets.wire import sever

if TYPE_CHECKING:
    from collections.abc import Callable

    from observer.deadlines import Deadline
    from observer.targets.resolver import Resolve

MOST_BYTES = 32 * 1024 * 1024

CONNECT_TIMEOUT = 2.0

_PORTS = {"http": 80, "https": 443}

_ACCEPTED = "text/plain;version=0.0.4, application/vnd.spring-boot.actuator.v3+json;q=0.5, */*;q=0.1"


@dataclass(frozen=True, slots=True)
class ActuatorAddress:
    """Where a page of a service is.

    Args:
        scheme: http or https.
        host: As it stands in the header Host and as certificates are held against it.
        port: TCP port.
        path: Of the page.
        query: What follows the question mark; empty for none.
        username: Out of the URL.
        password: Out of the URL.
    """

    scheme: str
    host: str
    port: int
    path: str
    query: str = ""
    username: str = ""
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> ActuatorAddress:
        """The parts of a URL such as ``http://app:8080/actuator/prometheus``.

        Raises:
            ConfigurationError: It cannot be understood. The message holds nothing of it.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS.get(parts.scheme, 80)
        except ValueError:
            parts, port = urlsplit(""), 0
        if not parts.hostname or torn(url):
            raise ConfigurationError(
                "the URL of a service is not one",
                remedy="Write http://host:8080/actuator/prometheus and percent-encode special characters.",
            )
        return cls(
            scheme=parts.scheme,
            host=parts.hostname,
            port=port,
            path=parts.path or "/",
            query=parts.query,
            username=unquote(parts.username or ""),
            password=unquote(parts.password) if parts.password is not None else None,
        )

    @property
    def host_and_port(self) -> str:
        return join(self.host, self.port)

    @property
    def shown(self) -> str:
        """The URL without secrets."""
        return f"{self.scheme}://{self.host_and_port}{self.path}"


def join(host: str, port: int) -> str:
    """``host:port``, with an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _none() -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Credentials:
    """How Observer shows who it is; secrets are asked for at each request, so that they can be changed.

    Args:
        username: For basic authentication; empty for none.
        password: For it.
        bearer: A token, which is sent when there is no username.
    """

    username: str = ""
    password: Callable[[], str | None] = _none
    bearer: Callable[[], str | None] = _none


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service said."""

    status: int
    content_type: str
    text: str


class ActuatorSession:
    """A connection to a service that is kept open between readings.

    Made of the standard library's client: richer ones bring megabytes that serving never uses. It follows no
    redirect, which would carry credentials to a host that nobody configured, and knows no proxy.

    Args:
        address: The page.
        credentials: Sent with each request.
        connect_to: The IP address of one of several replicas; the host of the address when empty.
        resolve: Looks that host up.
    """

    def __init__(
        self,
        address: ActuatorAddress,
        *,
        credentials: Credentials | None = None,
        connect_to: str = "",
        resolve: Resolve = system_addresses,
    ) -> None:
        self.address = address
        self._credentials = credentials or Credentials()
        self._lookup = Lookup(connect_to or address.host, resolve)
        self._connection: http.client.HTTPConnection | None = None
        self._aborted = False
        self.shown = address.shown if not connect_to else f"{address.shown} at {connect_to}"

    def get(self, target: str, deadline: Deadline) -> Answer:
        """What the service answers to a GET. Asks over a new connection when it had closed the kept one.

        Args:
            target: Path and query.
            deadline: By when the whole answer must be there.

        Raises:
            ObserverError: The service does not answer, or with more than it should.
        """
        self._aborted = False
        for kept in (self._connection is not None, False):
            try:
                return self._get(target, deadline)
            except TimeoutError:
                self.close()
                raise DeadlineExceeded(f"{self.shown}: no answer in time") from None
            except (http.client.HTTPException, OSError) as error:
                self.close()
                if self._aborted:
                    raise DeadlineExceeded(f"{self.shown}: no answer in time") from None
                if not kept:
                    raise TargetUnreachable(f"{self.shown}: {str(error) or type(error).__name__}") from None
            except BaseException:
                self.close()
                raise
        raise AssertionError("the second attempt returns or raises")

    def taken(self, answer: Answer) -> str:
        """The text of an answer that was successful.

        Raises:
            NotPermitted: The service wants other credentials.
            NotAvailable: There is no such page.
            TargetUnreachable: It says anything else but 200.
        """
        if answer.status in (401, 403):
            raise NotPermitted(
                f"{self.shown}: HTTP {answer.status}",
                remedy="Give username and password_file, or bearer_file.",
            )
        if answer.status == 404:
            raise NotAvailable(
                f"{self.shown}: HTTP 404",
                remedy="Expose the endpoint: management.endpoints.web.exposure.include=health,prometheus, "
                "with micrometer-registry-prometheus on the class path.",
            )
        if answer.status != 200:
            raise TargetUnreachable(f"{self.shown}: HTTP {answer.status}")
        return answer.text

    def abort(self) -> None:
        """Cut the connection off under a reading that does not return. Safe to call from another thread."""
        self._aborted = True
        line = getattr(self._connection, "sock", None)
        if line is not None:
            sever(line.fileno())

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.close()

    def _get(self, target: str, deadline: Deadline) -> Answer:
        connection = self._open(deadline)
        connection.sock.settimeout(deadline.check())
        connection.request("GET", target, headers=self._headers())
        response = connection.getresponse()
        body = bytearray()
        while chunk := response.read1(65536):
            body += chunk
            left = deadline.check()
            if connection.sock is not None:
                connection.sock.settimeout(left)
            if len(body) > MOST_BYTES:
                raise Malformed(f"{self.shown}: the page is larger than {MOST_BYTES >> 20} MiB")
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        # http.client does not notice that read1 has read a body of known length to its end, and would refuse
        # the next request on this connection.
        response.close()
        if response.will_close:
            self.close()
        return Answer(response.status, response.headers.get_content_type(), body.decode("utf-8", "replace"))

    def _open(self, deadline: Deadline) -> http.client.HTTPConnection:
        if self._connection is None:
            addresses = self._lookup.addresses(min(CONNECT_TIMEOUT, deadline.check()))
            line = self._connect(addresses, deadline)
            try:
                connection = http.client.HTTPConnection(self.address.host, self.address.port)
                if self.address.scheme == "https":
                    # http.client leaves a port out of the header Host when it is the usual one.
                    connection.default_port = http.client.HTTPS_PORT
                    context = ssl.create_default_context()
                    line = context.wrap_socket(line, server_hostname=self.address.host)
            except BaseException:
                line.close()
                raise
            connection.sock = line
            self._connection = connection
        return self._connection

    def _connect(self, addresses: list[str], deadline: Deadline) -> socket.socket:
        """A line to the first address that takes one, as `socket.create_connection` does for a name."""
        for position, address in enumerate(addresses, start=1):
            timeout = min(CONNECT_TIMEOUT, deadline.check())
            try:
                line = socket.create_connection((address, self.address.port), timeout=timeout)
            except OSError:
                if position == len(addresses):
                    raise
            else:
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return line
        raise AssertionError("a name without an address is refused before")

    def _headers(self) -> dict[str, str]:
        headers = {"accept": _ACCEPTED, "user-agent": f"observer/{observer.__version__}"}
        given = self._credentials
        username = given.username or self.address.username
        if username:
            password = given.password() or self.address.password or ""
            pair = f"{username}:{password}".encode()
            headers["authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        elif token := given.bearer():
            headers["authorization"] = f"Bearer {token}"
        return headers
