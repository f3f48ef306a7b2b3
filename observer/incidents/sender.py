"""The sender: makes Slack show what is wanted, one step at a time, and can be killed between any two."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

from observer.errors import Kind
from observer.incidents import ledger, outbox, rendering, thread
from observer.incidents.metrics import DELIVERY_SECONDS, POSSIBLE_DUPLICATES, REPOSTS
from observer.incidents.model import Severity
from observer.incidents.turns import FIND, POST, UPDATE, Turns
from observer.slack.client import Posted
from observer.slack.faults import Scope, SlackFault
from observer.slack.recorder import NoRecorder

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from sqlalchemy import Connection

    from observer.clock import Clock
    from observer.incidents.look import Look
    from observer.incidents.model import Incident
    from observer.incidents.outbox import Delivery
    from observer.slack.client import Messenger
    from observer.slack.message import Message
    from observer.slack.recorder import Recorder

    class Transact(Protocol):
        """Runs a function of a connection as a transaction, and returns after COMMIT."""

        def __call__(self, work: Callable[[Connection], T], /) -> T: ...


T = TypeVar("T")

IDLE_SECONDS = 30.0
LOOK_AFTER_SECONDS = 2.0
"""How long after a post without an answer it is looked for: Slack may still be at it."""

LOOK_BACK_SECONDS = 300.0
"""How much earlier than our clock Slack's may have stamped a message."""

REVIVE_SECONDS = 300.0
"""After this long a refusal that a person may have mended at Slack's side is tried again."""

_log = logging.getLogger(__name__)


class Sender:
    """Converges Slack to what is wanted.

    Only a first post can double: it is marked in the store before it is sent, and whoever finds the mark
    without an answer, after a time-out or a restart, looks for the post before sending another.
    Edits are safe to repeat.

    Args:
        transact: The store's transactions.

        messenger: Slack.

        channel: Where new messages go.

        look: How they look.

        uniform: Draws a number between two others, for jitter.
    """

    def __init__(
        self,
        *,
        transact: Transact,
        messenger: Messenger,
        channel: str,
        look: Look,
        clock: Clock,
        uniform: Callable[[float, float], float],
        recorder: Recorder | None = None,
    ) -> None:
        self._transact = transact
        self._messenger = messenger
        self._channel = channel
        self._look = look
        self._clock = clock
        self._recorder: Recorder = recorder or NoRecorder()
        self._turns = Turns(clock=clock, uniform=uniform)
        self._revived_at = clock.monotonic()
        self.held_up = False
        """Whether the last step found something to send that had to wait."""
        self._dead = True  # a process before this one may have left some

    def step(self) -> float:
        """Do at most one thing; seconds until there may be another to do, 0 when at once.

        Raises:
            ObserverError: The store failed; nothing was lost, the step can be tried again.
        """
        self._revive()
        soonest = IDLE_SECONDS
        waiting = self._transact(outbox.due)
        self.held_up = bool(waiting)
        for one in waiting:
            wait = self._wait(one)
            if wait <= 0.0:
                self._deliver(one)
                return 0.0
            soonest = min(soonest, wait)
        return soonest

    def _wait(self, one: Delivery) -> float:
        method = _method(one)
        if method == FIND:
            since = self._clock.now() - (one.attempted_at or 0.0)
            # A clock that was set back must not make the wait longer.
            return max(self._turns.wait(FIND), LOOK_AFTER_SECONDS - since if since >= 0 else 0.0)
        return self._turns.wait(method, one.parent_channel or self._channel)

    def _deliver(self, one: Delivery) -> None:
        method = _method(one)
        try:
            if method == FIND:
                self._find(one)
            elif method == POST:
                self._post(one)
            else:
                self._update(one)
        except SlackFault as fault:
            self._failed(one, method, fault)
        else:
            self._turns.succeeded()

    def _post(self, one: Delivery) -> None:
        now = self._clock.now()

        def begin(connection: Connection) -> tuple[Incident, str] | None:
            current = _current(connection, one)
            if current is None:
                return None
            values = {"state": outbox.State.ATTEMPTING, "attempted_at": now}
            outbox.set_(connection, one.incident_id, one.part, **values)
            return current

        self._turns.take(POST, one.parent_channel or self._channel)
        begun = self._transact(begin)
        if begun is None:
            return
        incident, wanted = begun
        late = max(0.0, now - one.wanted_at)
        message = self._message(one, incident, late)
        channel = one.parent_channel or self._channel
        posted = self._messenger.post(channel, message, delivery_id=one.delivery_id, thread_ts=one.parent_ts)
        self._arrived(one, wanted, late, posted)

    def _update(self, one: Delivery) -> None:
        self._turns.take(UPDATE)
        current = self._transact(lambda connection: _current(connection, one))
        if current is None:
            return
        incident, wanted = current
        late = max(0.0, self._clock.now() - one.wanted_at)
        message = self._message(one, incident, late)
        place = Posted(channel=one.channel, ts=one.ts)
        self._messenger.update(place, message, delivery_id=one.delivery_id)
        self._arrived(one, wanted, late, place)

    def _find(self, one: Delivery) -> None:
        """Look for a post that has no answer. Found, it is edited next; else it is posted again."""
        attempted = one.attempted_at or self._clock.now()
        channel = one.parent_channel or self._transact(self._channel_id)
        possible = 0
        try:
            found = self._messenger.find(
                channel,
                delivery_id=one.delivery_id,
                since=attempted - LOOK_BACK_SECONDS,
                thread_ts=one.parent_ts,
            )
        except SlackFault as fault:
            if fault.outcome is not Kind.PERMANENT or not _unreadable(fault):
                raise
            # The app may not read the channel. To show an alert twice is better than to hide it.
            found, possible = None, 1
            self._recorder.add(POSSIBLE_DUPLICATES)
            _log.warning(
                "slack.possible_duplicate", extra={"incident": one.incident_id, "reason": fault.sentence}
            )
        values: dict[str, object] = {"state": outbox.State.PENDING, "attempted_at": None}
        if found is not None:
            values |= {"channel": found.channel, "ts": found.ts, "posted_at": attempted}
        elif possible:
            values |= {"possible_duplicates": one.possible_duplicates + possible}
        self._transact(lambda connection: outbox.set_(connection, one.incident_id, one.part, **values))

    def _channel_id(self, connection: Connection) -> str:
        """The channel's ID where only its name was configured but something was posted there before."""
        return outbox.last_channel(connection) if self._channel.startswith("#") else self._channel

    def _arrived(self, one: Delivery, wanted: str, late: float, place: Posted) -> None:
        now = self._clock.now()

        def work(connection: Connection) -> None:
            current = outbox.wanted(connection, one.incident_id, one.part)
            same = current == wanted
            values = {
                "state": outbox.State.DELIVERED if same else outbox.State.PENDING,
                "delivered_hash": wanted,
                "channel": place.channel,
                "ts": place.ts,
                "attempted_at": None,
                "late": late,
                "reason": "",
            }
            if not same:
                values["wanted_at"] = now
            if not one.ts:
                values["posted_at"] = now
            outbox.set_(connection, one.incident_id, one.part, **values)
            if self._dead:
                outbox.revive_channel(connection, place.channel)

        self._transact(work)
        self._dead = False
        self._recorder.add(DELIVERY_SECONDS, max(0.0, now - one.wanted_at))

    def _message(self, one: Delivery, incident: Incident, late: float) -> Message:
        if one.part == outbox.MESSAGE:
            return rendering.message(incident, self._look, late=late, fresh=one.reposts > 0)
        if one.part == outbox.EVIDENCE and incident.evidence is not None:
            return thread.evidence(incident.evidence)
        return thread.raised(incident, self._look, Severity(int(one.part.removeprefix(outbox.RAISED))))

    def _failed(self, one: Delivery, method: str, fault: SlackFault) -> None:
        values: dict[str, object] = {"reason": fault.sentence}
        if fault.outcome is Kind.PERMANENT and fault.scope is Scope.MESSAGE:
            _log.info(
                "slack.repost", extra={"incident": one.incident_id, "part": one.part, "reason": fault.error}
            )
            self._recorder.add(REPOSTS)
            self._transact(lambda connection: self._lost(connection, one, fault))
            return
        if fault.outcome is Kind.PERMANENT:
            if fault.scope is Scope.CHANNEL and self._moved(one):
                self._transact(lambda connection: outbox.repost(connection, one, reason=fault.sentence))
                return
            self._dead = True
            values |= {
                "state": outbox.State.DEAD,
                "dead_at": self._clock.now(),
                "cause": fault.scope.value,
                # What was being looked for must be looked for again when the refusal is mended.
                "attempted_at": one.attempted_at if method == FIND else None,
            }
            told = {"incident": one.incident_id, "part": one.part}
            _log.error("slack.dead", extra=told | {"reason": fault.sentence, "remedy": fault.remedy})
        elif fault.outcome is Kind.RETRYABLE and method == POST:
            values |= {"state": outbox.State.PENDING, "attempted_at": None}
        self._turns.failed(method, fault)
        self._transact(lambda connection: outbox.set_(connection, one.incident_id, one.part, **values))

    def _lost(self, connection: Connection, one: Delivery, fault: SlackFault) -> None:
        """The message to edit, or the thread to reply in, is gone."""
        if one.ts:
            outbox.repost(connection, one, reason=fault.sentence)
            return
        if one.part.startswith(outbox.RAISED):
            # The message that is posted anew calls whom this reply would have called.
            outbox.set_(connection, one.incident_id, one.part, state=outbox.State.DELIVERED)
        for parent in outbox.of_incidents(connection, [one.incident_id]):
            if parent.part == outbox.MESSAGE and parent.ts == one.parent_ts:
                outbox.repost(connection, parent, reason=fault.sentence)

    def _moved(self, one: Delivery) -> bool:
        """Whether a message stands in another channel than the one that is configured now."""
        own = one.part == outbox.MESSAGE and bool(one.ts)
        return own and not self._channel.startswith("#") and one.channel != self._channel

    def _revive(self) -> None:
        now = self._clock.monotonic()
        if now - self._revived_at < REVIVE_SECONDS:
            return
        self._revived_at = now
        before = self._clock.now() - REVIVE_SECONDS
        self._transact(lambda connection: outbox.revive_one(connection, before=before))


def _unreadable(fault: SlackFault) -> bool:
    """Whether the app may not read the channel, as against not being let in at all."""
    return fault.scope is Scope.CHANNEL or fault.error in {"missing_scope", "no_permission"}


def _method(one: Delivery) -> str:
    if one.state == outbox.State.ATTEMPTING:
        return FIND
    return UPDATE if one.ts else POST


def _current(connection: Connection, one: Delivery) -> tuple[Incident, str] | None:
    """The incident as it is now and the hash of what is wanted of this part, from one snapshot."""
    wanted = outbox.wanted(connection, one.incident_id, one.part)
    found = ledger.load(connection, {one.incident_id})
    return (found[0], wanted) if found and wanted is not None else None
