"""Keeps incidents true: asks Alertmanager what still fires, and the sources for what the data says."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from observer.errors import ObserverError
from observer.incidents import alertmanager, intake, ledger
from observer.incidents.metrics import UNREPORTED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from observer.clock import Clock
    from observer.incidents.look import Look
    from observer.incidents.model import Evidence, EvidenceSource, Incident
    from observer.slack.recorder import Recorder
    from observer.store.store import Store

EVIDENCE_SECONDS = 300.0
"""How old the evidence of an open incident may be."""

_log = logging.getLogger(__name__)


class Keeper:
    """One round at a time, in a thread of its owner.

    Args:
        sources: All are asked; what each has to say stands in one reply, in their order.

        alertmanagers: URLs; none turns reconciliation off.

        moved: Called when a message may have to be sent.

        stopping: Whether to leave off.
    """

    def __init__(
        self,
        *,
        store: Store,
        sources: Sequence[EvidenceSource],
        alertmanagers: tuple[str, ...],
        look: Look,
        clock: Clock,
        recorder: Recorder,
        moved: Callable[[], None],
        stopping: Callable[[], bool],
    ) -> None:
        self._store = store
        self._sources = tuple(sources)
        self._alertmanagers = alertmanagers
        self._look = look
        self._clock = clock
        self._recorder = recorder
        self._moved = moved
        self._stopping = stopping
        self.failures: tuple[str, ...] = ()
        """Alertmanagers that did not answer in the last round."""

    def round(self) -> None:
        """Reconcile, then gather what is due.

        Raises:
            ObserverError: The store failed.
        """
        self._reconcile()
        self._gather()

    def _reconcile(self) -> None:
        with self._store.read() as connection:
            if not ledger.unsettled(connection):
                return
        report = alertmanager.ask(self._alertmanagers)
        self.failures = report.failures
        now = self._clock.now()
        accepted, closed = self._store.write(
            lambda connection: intake.settle(
                connection,
                self._look,
                reported=report.fingerprints,
                complete=report.complete,
                now=now,
            )
        )
        for incident in closed:
            _log.warning("incident.unreported", extra={"incident": incident.id})
            self._recorder.add(UNREPORTED)
        if accepted.moved:
            self._moved()

    def _gather(self) -> None:
        if not self._sources:
            return
        with self._store.read() as connection:
            waiting = ledger.evidence_due(connection, before=self._clock.now() - EVIDENCE_SECONDS)
        # One that failed is not asked again in this round: each incident would wait for its deadline.
        willing = list(self._sources)
        for incident in waiting:
            if self._stopping():
                return
            started = self._clock.now()
            told = self._asked(incident, willing) or incident.evidence
            self._store.write(
                lambda connection, i=incident, e=told, at=started: intake.tell(connection, i.id, e, now=at)  # type: ignore[misc]  # bound now
            )
            self._moved()

    def _asked(self, incident: Incident, willing: list[EvidenceSource]) -> Evidence | None:
        found: list[Evidence] = []
        for source in tuple(willing):
            try:
                told = source.evidence(incident)
            except Exception as fault:  # noqa: BLE001 - one source must not silence the others
                log_fault(type(source).__name__, fault)
                willing.remove(source)
            else:
                found += [told] if told is not None else []
        whole: Evidence | None = None
        for told in reversed(found):
            whole = replace(told, then=whole)
        return whole


def log_fault(who: str, fault: Exception) -> None:
    """Log what a thread met and outlived."""
    if isinstance(fault, ObserverError):
        told = {"who": who, "reason": fault.sentence, "remedy": fault.remedy}
        _log.error("incidents.failed", extra=told)
    else:
        _log.error("incidents.failed", extra={"who": who}, exc_info=fault)
