"""Simulated users: threads that call the service over HTTP, at a pace that leaves the machine alone."""

from __future__ import annotations

import http.client
import itertools
import math
import random
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from observer.demo.workload.endpoints import ENDPOINTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from observer.demo.sample import SampleSize

_LONGEST_CHARGE = 0.25


class Pace:
    """When the next request of anybody may begin.

    Requests come at random moments, ``rate`` a second. Each one's duration is charged as well: together they
    take ``share`` seconds of the service's time per second, however slow the machine or the statements are.
    Waiting for a lock costs the machine nothing, so what is charged for one request is bounded.
    """

    def __init__(
        self,
        *,
        rate: float,
        share: float,
        rng: random.Random,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = rate
        self._share = share
        self._rng = rng
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._next = monotonic()

    def reserve(self) -> float:
        """Seconds to wait before the request that is now reserved."""
        with self._lock:
            now = self._monotonic()
            begin = max(self._next, now)
            self._next = begin - math.log(1.0 - self._rng.random()) / self._rate
            return begin - now

    def charge(self, seconds: float) -> None:
        """Tell how long a request took."""
        with self._lock:
            owed = min(seconds, _LONGEST_CHARGE) / self._share
            # What is owed is not asked on top of the pause that keeps the rate.
            self._next += max(0.0, owed - 1.0 / self._rate)


class SimulatedUsers:
    """A crowd that uses the service until it is told to stop.

    Args:
        address: Host and port of the service.

        count: How many.

        size: What ids there are.

        share: Seconds of the service's time per second they may take.
    """

    def __init__(self, address: tuple[str, int], *, count: int, size: SampleSize, share: float) -> None:
        self._address = address
        self._size = size
        self._stopped = threading.Event()
        # A user reads for two seconds between two clicks.
        self._pace = Pace(rate=count / 2, share=share, rng=random.Random(0))  # noqa: S311 - no secret
        self._threads = [
            threading.Thread(target=self._live, args=(number,), name=f"user {number}", daemon=True)
            for number in range(1, count + 1)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Tell all to stop, and wait for most of them a moment."""
        self._stopped.set()
        end = time.monotonic() + 1.0
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _live(self, number: int) -> None:
        rng = random.Random(number)  # noqa: S311 - no secret
        totals = list(itertools.accumulate(endpoint.weight for endpoint in ENDPOINTS))
        connection = http.client.HTTPConnection(*self._address, timeout=60)
        while not self._stopped.wait(self._pace.reserve()):
            (endpoint,) = rng.choices(ENDPOINTS, cum_weights=totals)
            values = endpoint.choose(rng, self._size)
            begin = time.monotonic()
            try:
                connection.request(endpoint.method, _target(endpoint.uri, values))
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                connection.close()  # the next request opens it again
            self._pace.charge(time.monotonic() - begin)
        connection.close()


def _target(uri: str, values: dict[str, object]) -> str:
    """The path with its ids filled in, and what is left as a query."""
    rest = {}
    for name, value in values.items():
        if f"{{{name}}}" in uri:
            uri = uri.replace(f"{{{name}}}", quote(str(value), safe=""))
        else:
            rest[name] = value
    return f"{uri}?{urlencode(rest)}" if rest else uri
