"""Reading the metrics page of a service: one GET, bounded in time and in bytes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

import observer
from observer.errors import DeadlineExceeded, Malformed, NotAvailable, NotPermitted, TargetUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from observer.deadlines import Deadline

MOST_BYTES = 32 * 1024 * 1024

_PORTS = {"http": 80, "https": 443}


class ActuatorSession:
    """A connection to a service that is kept open between readings.

    Args:
        url: The page, such as ``http://app:8080/actuator/prometheus``.
        username: For basic authentication; empty for none.
        password: Gives the password for it as it is now.
        bearer: Gives a bearer token as it is now, or ``None``.
    """

    def __init__(
        self,
        url: str,
        *,
        username: str,
        password: Callable[[], str | None],
        bearer: Callable[[], str | None],
    ) -> None:
        parts = urlsplit(url)
        self.replica = f"{parts.hostname}:{parts.port or _PORTS.get(parts.scheme, 80)}"
        self.shown = f"{parts.scheme}://{self.replica}{parts.path}"
        self._url = url
        self._username = username
        self._password = password
        self._bearer = bearer
        self._client: httpx.Client | None = None

    def read(self, deadline: Deadline) -> str:
        """The page's text.

        Raises:
            ObserverError: The service does not answer, refuses, or answers with something else.
        """
        headers = {"accept": "text/plain;version=0.0.4", "user-agent": f"observer/{observer.__version__}"}
        token = self._bearer()
        if token:
            headers["authorization"] = f"Bearer {token}"
        auth = httpx.BasicAuth(self._username, self._password() or "") if self._username else None
        client = self._open()
        timeout = httpx.Timeout(deadline.check(), connect=min(2.0, deadline.left()))
        body = bytearray()
        try:
            with client.stream("GET", self._url, headers=headers, auth=auth, timeout=timeout) as response:
                self._refused(response.status_code)
                for chunk in response.iter_bytes():
                    body += chunk
                    deadline.check()
                    if len(body) > MOST_BYTES:
                        raise Malformed(f"{self.shown}: the page is larger than {MOST_BYTES >> 20} MiB")
        except httpx.TimeoutException:
            raise DeadlineExceeded(f"{self.shown}: no answer in time") from None
        except httpx.HTTPError as error:
            raise TargetUnreachable(f"{self.shown}: {str(error) or type(error).__name__}") from None
        return body.decode("utf-8", "replace")

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(httpx.HTTPError, OSError):
                client.close()

    def _open(self) -> httpx.Client:
        if self._client is None:
            # A redirect would carry credentials to a host that nobody configured.
            self._client = httpx.Client(follow_redirects=False, trust_env=False)
        return self._client

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
