"""Which replicas a Prometheus scrapes itself, so that Observer need not bring their pools again."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import structlog

from observer.deadlines import Deadline
from observer.errors import ObserverError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from observer.exporter.hikari.replicas import Replica
    from observer.targets.prometheus import Point

    Query = Callable[[str, Deadline], Sequence[Point]]

# Observer's own series carry the label replica, which neither Micrometer nor HikariCP has.
EXPRESSION = 'count by (job, instance) (hikaricp_connections{replica=""})'

INTERVAL = 60.0
"""Seconds between two questions."""

ANSWER_SECONDS = 5.0

FIRST = 1.0
"""Seconds that the first collection waits for an answer, so that no series appears only to vanish."""

_log = structlog.get_logger("observer.exporter")


class Duplicates:
    """Asks Prometheus now and then, in a thread, for whom nobody waits.

    While Prometheus does not answer, what it said last holds: series that come and go would be worse.

    Args:
        name: The target's, for the log.
        query: Asks Prometheus; raises `ObserverError`.
        monotonic: The clock.
    """

    def __init__(self, name: str, query: Query, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._query = query
        self._monotonic = monotonic
        self._jobs: dict[str, str] = {}
        self._asked_at: float | None = None
        self._answered = threading.Event()
        self._asking: threading.Thread | None = None
        self._told: frozenset[str] = frozenset()

    def jobs(self, replicas: Sequence[Replica]) -> dict[Replica, str]:
        """The replicas that a job of Prometheus scrapes for their pools, with that job."""
        first = self._asked_at is None
        self._ask_again()
        if first:
            self._answered.wait(FIRST)
        known = self._jobs
        found = {
            replica: known[place] for replica in replicas for place in _places(replica) if place in known
        }
        self._tell(found)
        return found

    def _ask_again(self) -> None:
        now = self._monotonic()
        if self._asking is not None and self._asking.is_alive():
            return
        if self._asked_at is None or now - self._asked_at >= INTERVAL:
            self._asked_at = now
            self._asking = threading.Thread(target=self._ask, name=f"duplicates-{self._name}", daemon=True)
            self._asking.start()

    def _ask(self) -> None:
        try:
            points = self._query(EXPRESSION, Deadline(ANSWER_SECONDS, "asking Prometheus for pools"))
        except ObserverError as error:
            _log.debug("hikari.duplicates_unknown", target=self._name, what=error.sentence)
            return
        finally:
            self._answered.set()
        self._jobs = {point.labels.get("instance", ""): point.labels.get("job", "") for point in points}

    def _tell(self, found: dict[Replica, str]) -> None:
        """One line in the log whenever the jobs change."""
        jobs = frozenset(found.values())
        if jobs != self._told:
            self._told = jobs
            _log.info("hikari.left_out", target=self._name, jobs=sorted(jobs))


def _places(replica: Replica) -> tuple[str, ...]:
    """What the label ``instance`` of a replica may be.

    The name of a service with many replicas is none: whoever scrapes that gets now one, now another.
    """
    if replica.connect_to:
        return (replica.label,)
    return (replica.label, replica.address.host_and_port)
