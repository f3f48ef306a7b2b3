"""The connection pool with what HikariCP would tell of it, each number measured."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.types.numeric import Int8Dumper
from psycopg_pool import ConnectionPool, PoolTimeout

from observer.demo.workload.meters import Family, Labels, Sample, Timer, timer_families

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self


def _bind_bigint(connection: psycopg.Connection[Any]) -> None:
    # psycopg chooses the smallest integer type for each value, and pg_stat_statements keeps an entry for each
    # type; JDBC binds a Java long as bigint, always.
    connection.adapters.register_dumper(int, Int8Dumper)


class MeasuredPool:
    """A psycopg pool that times the three things HikariCP times.

    Args:
        conninfo: Where to; through PgBouncer, so nothing is ever prepared in the server.

        name: The label ``pool``.

        minimum: Connections kept open.

        maximum: Connections open at most.

        timeout: Seconds a request waits for a connection before it fails.
    """

    def __init__(self, conninfo: str, *, name: str, minimum: int, maximum: int, timeout: float) -> None:
        self.name = name
        self._acquire = Timer()
        self._usage = Timer()
        self._creation = Timer()
        self._timeouts = 0
        self._lock = threading.Lock()
        creation = self._creation

        class TimedConnection(psycopg.Connection[Any]):
            @classmethod
            def connect(cls, conninfo: str = "", **options: Any) -> Self:  # noqa: ANN401 - psycopg's own options
                begin = time.monotonic()
                connection = super().connect(conninfo, **options)
                creation.record(time.monotonic() - begin)
                return connection

        self._pool = ConnectionPool(
            conninfo,
            connection_class=TimedConnection,
            kwargs={"prepare_threshold": None, "application_name": "mealsync", "connect_timeout": 5},
            min_size=minimum,
            max_size=maximum,
            timeout=timeout,
            max_lifetime=120,
            max_idle=30,
            configure=_bind_bigint,
            name=name,
            open=False,
        )

    def open(self) -> None:
        """Open the pool and wait until it has its smallest number of connections."""
        self._pool.open(wait=True, timeout=15)

    def close(self) -> None:
        self._pool.close(timeout=2)

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection for one transaction.

        Raises:
            PoolTimeout: None became free in time.
        """
        begin = time.monotonic()
        try:
            connection = self._pool.getconn()
        except PoolTimeout:
            with self._lock:
                self._timeouts += 1
            raise
        finally:
            self._acquire.record(time.monotonic() - begin)
        begin = time.monotonic()
        try:
            with connection:
                yield connection
        finally:
            self._usage.record(time.monotonic() - begin)
            self._pool.putconn(connection)

    def families(self) -> list[Family]:
        """Under Micrometer's names."""
        stats = self._pool.get_stats()
        total, idle = stats.get("pool_size", 0), stats.get("pool_available", 0)
        labels: Labels = (("pool", self.name),)

        def gauge(name: str, help_text: str, value: float) -> Family:
            return Family(name, "gauge", help_text, [Sample(name, labels, value)])

        def timer(name: str, help_text: str, of: Timer) -> list[Family]:
            return timer_families(name, help_text, {labels: of}, kind="summary")

        timeouts = "hikaricp_connections_timeout_total"
        return [
            gauge("hikaricp_connections", "Total connections", total),
            gauge("hikaricp_connections_active", "Active connections", max(0, total - idle)),
            gauge("hikaricp_connections_idle", "Idle connections", idle),
            gauge("hikaricp_connections_pending", "Pending threads", stats.get("requests_waiting", 0)),
            gauge("hikaricp_connections_max", "Max connections", stats.get("pool_max", 0)),
            gauge("hikaricp_connections_min", "Min connections", stats.get("pool_min", 0)),
            Family(
                timeouts,
                "counter",
                "Connection timeout total count",
                [Sample(timeouts, labels, self._timeouts)],
            ),
            *timer("hikaricp_connections_acquire_seconds", "Connection acquire time", self._acquire),
            *timer("hikaricp_connections_usage_seconds", "Connection usage time", self._usage),
            *timer("hikaricp_connections_creation_seconds", "Connection creation time", self._creation),
        ]
