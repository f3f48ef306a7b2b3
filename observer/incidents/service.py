"""Runs incidents: what is heard is stored, a thread sends it, another asks Alertmanager and for evidence."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from observer.clock import SystemClock
from observer.incidents import intake, ledger, outbox
from observer.incidents.finding import notice_of, own_prefix
from observer.incidents.keeper import Keeper, log_fault
from observer.incidents.look import Look
from observer.incidents.metrics import IGNORED
from observer.incidents.sender import Sender
from observer.slack.client import SlackClient
from observer.slack.recorder import NoRecorder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from sqlalchemy import Connection

    from observer.clock import Clock
    from observer.incidents.finding import Finding
    from observer.incidents.intake import Accepted
    from observer.incidents.model import EvidenceSource, Incident, Notice
    from observer.incidents.outbox import Backlog, Delivery
    from observer.incidents.settings import IncidentSettings
    from observer.slack.client import Messenger
    from observer.slack.recorder import Recorder
    from observer.store.store import Store

AFTER_FAILURE_SECONDS = 1.0
GRACE_SECONDS = 5.0
HELD_UP_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How incidents are doing.

    Args:
        sender_at: When the sender last ended a step, on the monotonic clock; a watchdog compares it with now.

        keeper_at: The same of the keeper.

        failures: Alertmanagers that did not answer in the last round.
    """

    running: bool
    sender_at: float
    keeper_at: float
    failures: tuple[str, ...]


class Incidents:
    """Alertmanager's webhooks and Observer's own findings, each as one message in Slack.

    Args:
        store: Where they are kept; opened and closed by the caller.

        settings: See `IncidentSettings`.

        evidence: Asked in turn; what they have to say stands in one reply.

        messenger: Takes Slack's place in tests.
    """

    def __init__(
        self,
        *,
        store: Store,
        settings: IncidentSettings,
        evidence: Sequence[EvidenceSource] = (),
        recorder: Recorder | None = None,
        clock: Clock | None = None,
        messenger: Messenger | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._recorder: Recorder = recorder or NoRecorder()
        self._clock: Clock = clock or SystemClock()
        self._look = Look(mentions=dict(settings.mentions))
        self._sender = Sender(
            transact=store.write,
            messenger=messenger
            or SlackClient(
                token=settings.slack_token,
                base_url=settings.base_url,
                seconds=settings.request_seconds,
                recorder=self._recorder,
            ),
            channel=settings.channel,
            look=self._look,
            clock=self._clock,
            uniform=random.SystemRandom().uniform,
            recorder=self._recorder,
        )
        self._stopping = threading.Event()
        self._draining = threading.Event()
        self._work = threading.Event()
        self._keep = threading.Event()
        self._sender_at = self._keeper_at = self._clock.monotonic()
        self._threads: list[threading.Thread] = []
        self._keeper = Keeper(
            store=store,
            sources=evidence,
            alertmanagers=settings.alertmanagers,
            look=self._look,
            clock=self._clock,
            recorder=self._recorder,
            moved=self._work.set,
            stopping=self._stopping.is_set,
        )

    def start(self) -> None:
        """Start sending. What Slack refused before is tried again: the settings may be others now."""
        self._store.write(outbox.revive)
        self._threads = [
            threading.Thread(target=self._send, name="incidents-sender", daemon=True),
            threading.Thread(target=self._watch, name="incidents-keeper", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def stop(self, grace: float = GRACE_SECONDS) -> None:
        """Send what can be sent at once within ``grace`` seconds, then end. The rest waits in the store."""
        deadline = self._clock.monotonic() + grace
        self._stopping.set()
        self._draining.set()
        self._work.set()
        self._keep.set()
        for thread in self._threads:
            thread.join(timeout=max(0.0, deadline - self._clock.monotonic()))
        self._draining.clear()
        self._work.set()
        for thread in self._threads:
            thread.join(timeout=0.2)

    def accept(self, notice: Notice) -> Future[Accepted]:
        """Store a notice; the future is done after COMMIT, and then the sender knows.

        Raises:
            StoreUnavailable: At once, or in the future: the notice was not kept and must be sent again.
        """
        now = self._clock.now()
        future = self._store.submit(lambda connection: intake.accept(connection, notice, self._look, now=now))
        future.add_done_callback(self._accepted)
        return future

    def tell(self, source: str, findings: Sequence[Finding]) -> None:
        """Make incidents of everything that a source finds wrong now, and end those it no longer does."""
        now = self._clock.now()
        current = {finding.fingerprint: finding for finding in findings}

        def work(connection: Connection) -> None:
            for finding in current.values():
                notice = notice_of(finding, source=source, firing=True, now=now)
                intake.accept(connection, notice, self._look, now=now, certain=True)
            for incident in ledger.open_keys(connection, own_prefix(source)):
                gone = [m.alert for f, m in incident.members.items() if m.firing and f not in current]
                intake.end(connection, incident, gone, self._look, now=now)

        self._store.write(work)
        self._work.set()

    def recent(self, limit: int = 100) -> list[tuple[Incident, list[Delivery]]]:
        """Incidents with their deliveries: open ones first, then those that ended last."""
        with self._store.read() as connection:
            incidents = ledger.recent(connection, limit)
            deliveries = outbox.of_incidents(connection, [incident.id for incident in incidents])
        return [(i, [d for d in deliveries if d.incident_id == i.id]) for i in incidents]

    def backlog(self) -> Backlog:
        """How much is on its way, for gauges."""
        with self._store.read() as connection:
            return outbox.backlog(connection)

    def dead(self) -> list[Delivery]:
        """What Slack refuses, with the reasons."""
        with self._store.read() as connection:
            return outbox.dead(connection)

    def retry(self) -> int:
        """Try what Slack refused again; how many."""
        revived = self._store.write(outbox.revive)
        self._work.set()
        return revived

    def health(self) -> Health:
        """How it is doing."""
        return Health(
            running=all(thread.is_alive() for thread in self._threads) and bool(self._threads),
            sender_at=self._sender_at,
            keeper_at=self._keeper_at,
            failures=self._keeper.failures,
        )

    def _accepted(self, future: Future[Accepted]) -> None:
        if future.cancelled() or future.exception() is not None:
            return
        accepted = future.result()
        if accepted.ignored:
            self._recorder.add(IGNORED, accepted.ignored)
        if accepted.moved:
            self._work.set()
            self._keep.set()

    def _send(self) -> None:
        while True:
            self._work.clear()
            try:
                wait = self._sender.step()
            except Exception as fault:  # noqa: BLE001 - the thread must outlive whatever one step meets
                log_fault("sender", fault)
                wait = AFTER_FAILURE_SECONDS
            self._sender_at = self._clock.monotonic()
            if self._stopping.is_set() and (wait > 0.0 or not self._draining.is_set()):
                return
            if wait > 0.0 and self._sender.held_up:
                # What comes now has to wait as well: to look at each of a storm would take the store's time.
                self._stopping.wait(timeout=min(wait, HELD_UP_SECONDS))
            elif wait > 0.0:
                self._work.wait(timeout=wait)

    def _watch(self) -> None:
        while not self._stopping.is_set():
            self._keep.clear()
            try:
                self._keeper.round()
            except Exception as fault:  # noqa: BLE001 - the thread must outlive whatever one round meets
                log_fault("keeper", fault)
            self._keeper_at = self._clock.monotonic()
            # New incidents want their evidence soon, but not one round for each of a burst.
            self._stopping.wait(timeout=min(1.0, self._settings.keeper_seconds))
            self._keep.wait(timeout=self._settings.keeper_seconds)
