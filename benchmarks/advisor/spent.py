"""What an advisor takes: seconds, CPU of this process, CPU of the server's backends."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator

_TICKS = os.sysconf("SC_CLK_TCK")
_MOST_WAIT = 10.0


@dataclass(slots=True)
class Spent:
    """In seconds; the server's are NaN where it does not run on this machine."""

    clock: float = 0.0
    client: float = 0.0
    server: float = float("nan")


@contextmanager
def spent(dsn: str) -> Iterator[Spent]:
    """Filled in when the block ends.

    A postmaster's children are added up when they end, so that every backend counts that began and ended
    within the block, whoever's it was: nobody else should use the server.
    """
    found = Spent()
    with psycopg.connect(dsn, autocommit=True) as connection:
        postmaster = _postmaster(connection.info.backend_pid)
        children, ended = _children(postmaster), _of_ended(postmaster)
        begun, busy = time.monotonic(), time.process_time()
        yield found
        found.clock, found.client = time.monotonic() - begun, time.process_time() - busy
        until = time.monotonic() + _MOST_WAIT
        while _children(postmaster) - children and time.monotonic() < until:
            time.sleep(0.01)
        found.server = _of_ended(postmaster) - ended


def _postmaster(backend: int) -> int:
    """The parent of a backend, 0 where the process is not found here."""
    try:
        return int(_fields(backend)[1])
    except OSError:
        return 0


def _children(postmaster: int) -> set[str]:
    try:
        return set(Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split())
    except OSError:
        return set()


def _of_ended(postmaster: int) -> float:
    try:
        return sum(map(int, _fields(postmaster)[13:15])) / _TICKS
    except OSError:
        return float("nan")


def _fields(pid: int) -> list[str]:
    """Of /proc/PID/stat, from the third on: the second may hold blanks."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
