"""Things that go wrong on request, as they would in a real service."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LONGEST = 3600.0


class FaultDesk:
    """Starts faults that end by themselves.

    Args:
        conninfo: A connection of its own to the database, past the pool, as a nightly job would have it.
    """

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._kinds: Mapping[str, Callable[[float], None]] = {"lock": self._lock}

    def start(self, kind: str, *, seconds: float) -> str:
        """Start a fault and say what it is.

        Raises:
            ValueError: There is no such kind, or it would last too long.
        """
        if kind not in self._kinds:
            raise ValueError(f"kind={kind} is unknown; known: {', '.join(self._kinds)}")
        if not 0 < seconds <= _LONGEST:
            raise ValueError(f"seconds={seconds:g} is not between 0 and {_LONGEST:g}")
        thread = threading.Thread(target=self._kinds[kind], args=(seconds,), name=f"fault {kind}")
        thread.daemon = True
        thread.start()
        self._threads.append(thread)
        return f"{kind} for {seconds:g} seconds"

    def close(self) -> None:
        """End all of them."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(5)

    def _lock(self, seconds: float) -> None:
        """A job that locks a table, then forgets its transaction: writers queue up, readers go on."""
        with psycopg.connect(self._conninfo, application_name="mealsync-nightly-job") as connection:
            connection.execute("LOCK TABLE public.recipes IN EXCLUSIVE MODE")
            self._stopped.wait(seconds)
            connection.rollback()
