"""Reading the metrics page of a service: one GET, bounded in time and in bytes."""

from __future__ import annotations

import base64
import contextlib
import http.client
import ssl
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
from observer.targets.secrets import torn
from observer.targets.wire import sever

if TYPE_CHECKING:
    from collections.abc import Callable

    from observer.deadlines import Deadline

MOST_BYTES = 32 * 1024 * 1024

CONNECT_TIMEOUT = 2.0

_PORTS = {"http": 80, "https": 443}


class ActuatorSession:
    """A connection to a service that is kept open between readings.

    Made of the standard library's client: richer ones bring megabytes that serving never uses. It follows no
    redirect, which would carry credentials to a host that nobody configured, and knows no proxy.

    Args:
        url: The page, such as ``http://app:8080/actuator/prometheus``.
        username: For basic authentication; empty for none.
        password: Gives the password for it as it is now.
        bearer: Gives a bearer token as it is now, or ``None``.

    Raises:
        ConfigurationError: The URL cannot be understood. The message holds nothing of it.
    """

    def __init__(
        self,
        url: str,
        *,
        username: str,
        password: Callable[[], str | None],
        bearer: Callable[[], str | None],
    ) -> None:
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
        inline = unquote(parts.password) if parts.password is not None else None
        self.replica = f"{parts.hostname}:{port}"
        self.shown = f"{parts.scheme}://{self.replica}{parts.path}"
        self._host, self._port, self._secure = parts.hostname, port, parts.scheme == "https"
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._username = username or unquote(parts.username or "")
        self._password: Callable[[], str | None] = lambda: password() or inline
        self._bearer = bearer
        self._connection: http.client.HTTPConnection | None = None
        self._aborted = False

    def read(self, deadline: Deadline) -> str:
        """The page's text. Asks again over a new connection when the service had closed the kept one.

        Raises:
            ObserverError: The service does not answer, refuses, or answers with something else.
        """
        self._aborted = False
        for kept in (self._connection is not None, False):
            try:
                return self._get(deadline).decode("utf-8", "replace")
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

    def _get(self, deadline: Deadline) -> bytes:
        connection = self._open(deadline)
        connection.sock.settimeout(deadline.check())
        connection.request("GET", self._path, headers=self._headers())
        response = connection.getresponse()
        self._refused(response.status)
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
        if response.will_close:
            self.close()
        return bytes(body)

    def _open(self, deadline: Deadline) -> http.client.HTTPConnection:
        if self._connection is None:
            timeout = min(CONNECT_TIMEOUT, deadline.check())
            if self._secure:
                context = ssl.create_default_context()
                connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                    self._host, self._port, timeout=timeout, context=context
                )
            else:
                connection = http.client.HTTPConnection(self._host, self._port, timeout=timeout)
            connection.connect()
            self._connection = connection
        return self._connection

    def _headers(self) -> dict[str, str]:
        headers = {"accept": "text/plain;version=0.0.4", "user-agent": f"observer/{observer.__version__}"}
        token = self._bearer()
        if self._username:
            pair = f"{self._username}:{self._password() or ''}".encode()
            headers["authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        elif token:
            headers["authorization"] = f"Bearer {token}"
        return headers

    def _refused(self, status: int) -> None:
        if status in (401, 403):
            raise NotPermitted(
                f"{self.shown}: HTTP {status}",
                remedy="Give username and password_file, or bearer_file.",
            )
        if status == 404:
            raise NotAvailable(
                f"{self.shown}: HTTP 404",
                remedy="Expose the endpoint: management.endpoints.web.exposure.include=health,prometheus, "
                "with micrometer-registry-prometheus on the class path.",
            )
        if status != 200:
            raise TargetUnreachable(f"{self.shown}: HTTP {status}")
