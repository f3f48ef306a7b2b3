"""Runs incidents: what is heard is stored, a thread sends it, another asks Alertmanager and for evidence."""

from __future__ import annotations

import logging
import random
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from observer.clock import SystemClock
from observer.errors import ConfigurationError, ObserverError
from observer.incidents import alertmanager, intake, ledger, outbox
from observer.incidents.finding import notice_of, own_prefix
from observer.incidents.metrics import IGNORED, UNREPORTED
from observer.incidents.rendering import Look
from observer.incidents.sender import Sender
from observer.slack.client import BASE_URL, REQUEST_SECONDS, SlackClient
from observer.slack.recorder import NoRecorder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future

    from sqlalchemy import Connection

    from observer.clock import Clock
    from observer.incidents.finding import Finding
    from observer.incidents.intake import Accepted
    from observer.incidents.model import EvidenceSource, Incident, Notice
    from observer.incidents.outbox import Backlog, Delivery
    from observer.slack.client import Messenger
    from observer.slack.recorder import Recorder
    from observer.store.store import Store

KEEPER_SECONDS = 15.0
EVIDENCE_SECONDS = 300.0
AFTER_FAILURE_SECONDS = 1.0
GRACE_SECONDS = 5.0
HELD_UP_SECONDS = 0.5

_MENTION = re.compile(r"<(@[UW][A-Z0-9]+|!subteam\^S[A-Z0-9]+|!here|!channel|!everyone)>")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentSettings:
    """What incidents need to be told.

    Args:
        slack_token: Gives the bot token whenever it is needed, so that a rotated secret file is read anew.

        channel: ID of the channel, such as ``C0123456789``; a name works but is looked up less surely.

        base_url: Where Slack's methods are.

        request_seconds: Time-out of a call of Slack.

        mentions: Whom to call, by an alert's ``label=value``, in Slack's markup: ``<!subteam^S0123>``.

        alertmanagers: URLs of every Alertmanager that sends webhooks here; none turns reconciliation off.

        keeper_seconds: Time between two rounds of reconciliation and evidence.
    """

    slack_token: Callable[[], str] = field(repr=False)
    channel: str
    base_url: str = BASE_URL
    request_seconds: float = REQUEST_SECONDS
    mentions: Mapping[str, str] = field(default_factory=dict)
    alertmanagers: tuple[str, ...] = ()
    keeper_seconds: float = KEEPER_SECONDS

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[CG][A-Z0-9]{2,}|#\S+", self.channel):
            raise ConfigurationError(
                f"slack.channel: {self.channel!r} is neither a channel's ID nor a #name.",
                remedy="Copy the ID from the channel's details in Slack; it begins with C or G.",
            )
        for key, mention in self.mentions.items():
            if "=" not in key or not all(_MENTION.fullmatch(one) for one in mention.split()):
                raise ConfigurationError(
                    f"slack.mentions.{key}: {mention!r} is not a mention by label.",
                    remedy="Write label=value: <@U...>, <!subteam^S...>, <!here> or <!channel>.",
                )


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

        settings: See :class:`IncidentSettings`.

        evidence: Asked in turn; the first that has something to say is told.

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
        self._sources = tuple(evidence)
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
        self._failures: tuple[str, ...] = ()
        self._threads: list[threading.Thread] = []

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
            failures=self._failures,
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
                _report("sender", fault)
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
                self._reconcile()
                self._gather()
            except Exception as fault:  # noqa: BLE001 - the thread must outlive whatever one round meets
                _report("keeper", fault)
            self._keeper_at = self._clock.monotonic()
            # New incidents want their evidence soon, but not one round for each of a burst.
            self._stopping.wait(timeout=min(1.0, self._settings.keeper_seconds))
            self._keep.wait(timeout=self._settings.keeper_seconds)

    def _reconcile(self) -> None:
        with self._store.read() as connection:
            if not ledger.unsettled(connection):
                return
        report = alertmanager.ask(self._settings.alertmanagers)
        self._failures = report.failures
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
            self._work.set()

    def _gather(self) -> None:
        if not self._sources:
            return
        with self._store.read() as connection:
            waiting = ledger.evidence_due(connection, before=self._clock.now() - EVIDENCE_SECONDS)
        for incident in waiting:
            if self._stopping.is_set():
                return
            started = self._clock.now()
            found = None
            for source in self._sources:
                try:
                    found = source.evidence(incident)
                except Exception as fault:  # noqa: BLE001 - one source must not silence the others
                    _report(type(source).__name__, fault)
                if found is not None:
                    break
            told = found or incident.evidence
            self._store.write(
                lambda connection, i=incident, e=told, at=started: intake.tell(connection, i.id, e, now=at)  # type: ignore[misc]  # bound now
            )
            self._work.set()


def _report(who: str, fault: Exception) -> None:
    if isinstance(fault, ObserverError):
        told = {"who": who, "reason": fault.sentence, "remedy": fault.remedy}
        _log.error("incidents.failed", extra=told)
    else:
        _log.error("incidents.failed", extra={"who": who}, exc_info=fault)
