"""A session with Prometheus: questions to its history, each with a deadline."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from observer.errors import DeadlineExceeded, Malformed, TargetUnreachable

if TYPE_CHECKING:
    from prometheus_api_client import PrometheusConnect

    from observer.deadlines import Deadline


class Point(NamedTuple):
    """One element of an instant vector."""

    labels: dict[str, str]
    value: float


class PrometheusSession:
    """Asks a Prometheus, or what speaks its API. To be used from one thread at a time.

    Args:
        url: Its address, such as ``http://prometheus:9090``.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._connection: PrometheusConnect | None = None

    def query(self, expression: str, deadline: Deadline) -> list[Point]:
        """The instant vector that an expression gives now, without elements that are no number.

        Raises:
            TargetUnreachable: Prometheus does not answer.
            DeadlineExceeded: It does not answer in time.
            Malformed: It refuses the expression.
        """
        # Loaded when history is asked for: it brings an HTTP client of its own.
        from prometheus_api_client.exceptions import (  # noqa: PLC0415 - see above
            PrometheusApiClientException,
        )
        from requests import RequestException, Timeout  # noqa: PLC0415 - see above

        left = deadline.check()
        try:
            found = self._connect().custom_query(
                expression,
                params={"timeout": f"{max(1, math.floor(left))}s"},
                timeout=left,
            )
        except Timeout:
            raise DeadlineExceeded(f"Prometheus at {self.url} gave no answer in time") from None
        except RequestException as error:
            raise TargetUnreachable(
                f"Prometheus at {self.url} is not reached ({type(error).__name__})",
                remedy="Check that it runs, and the setting prometheus.url.",
            ) from None
        except PrometheusApiClientException as error:
            raise Malformed(f"Prometheus at {self.url} refused the query: {error}") from None
        points = []
        for element in found or ():
            value = float(element["value"][1])
            if math.isfinite(value):
                points.append(Point(dict(element["metric"]), value))
        return points

    def _connect(self) -> PrometheusConnect:
        if self._connection is None:
            from prometheus_api_client import PrometheusConnect  # noqa: PLC0415 - as in query
            from requests import Session  # noqa: PLC0415 - as in query
            from urllib3.util.retry import Retry  # noqa: PLC0415 - as in query

            # A deadline is a deadline: the library's own retries would run past it. Without `read` a time-out
            # would be told as a connection that failed after too many retries.
            self._connection = PrometheusConnect(url=self.url, session=Session(), retry=Retry(0, read=False))
        return self._connection
