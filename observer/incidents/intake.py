"""What was heard, stored: one transaction from a notice to the messages that are wanted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from observer.incidents import ledger, outbox, rendering, thread
from observer.incidents.machine import hear, reconcile
from observer.incidents.model import OWN_RECEIVER, Notice

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

    from observer.incidents.look import Look
    from observer.incidents.model import Alert, Evidence, Incident


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What a notice did."""

    opened: int = 0
    changed: int = 0
    resolved: int = 0
    ignored: int = 0

    @property
    def moved(self) -> bool:
        """Whether a message may have to be sent."""
        return bool(self.opened or self.changed or self.resolved)


def accept(
    connection: Connection, notice: Notice, look: Look, *, now: float, certain: bool = False
) -> Accepted:
    """Hear a notice, store what changed, and say what is wanted in Slack."""
    known = ledger.concerned(connection, notice)
    before = {incident.id: incident for incident in known}
    heard = hear(notice, known, now=now, certain=certain)
    opened = changed = resolved = 0
    for after in heard.incidents:
        earlier = before.get(after.id)
        if not _store(connection, after, earlier, look, now=now):
            continue
        opened += earlier is None
        resolved += not after.open
        changed += earlier is not None and after.open
    return Accepted(opened=opened, changed=changed, resolved=resolved, ignored=heard.ignored)


def settle(
    connection: Connection, look: Look, *, reported: Iterable[str], complete: bool, now: float
) -> tuple[Accepted, list[Incident]]:
    """Compare all that is open or contested with what Alertmanager has.

    Returns:
        What changed, and the incidents that were closed because nobody knows their alerts any more.
    """
    present = frozenset(reported)
    changed = 0
    closed: list[Incident] = []
    upheld: list[tuple[Incident, Sequence[Alert]]] = []
    for before in ledger.unsettled(connection):
        if before.receiver == OWN_RECEIVER:
            continue
        after, again = reconcile(before, reported=present, complete=complete, now=now)
        if after != before:
            changed += _store(connection, after, before, look, now=now)
            if before.open and not after.open:
                closed.append(after)
        if again:
            upheld.append((after, again))
    total = Accepted(changed=changed)
    for incident, alerts in upheld:
        accepted = accept(connection, _notice_again(incident, alerts), look, now=now, certain=True)
        total = Accepted(opened=total.opened + accepted.opened, changed=total.changed + accepted.changed)
    return total, closed


def end(
    connection: Connection, incident: Incident, alerts: Sequence[Alert], look: Look, *, now: float
) -> None:
    """End some of an incident's alerts."""
    ended = tuple(replace(alert, firing=False, ends_at=now) for alert in alerts)
    if ended:
        accept(connection, _notice_again(incident, ended), look, now=now)


def tell(connection: Connection, number: int, evidence: Evidence | None, *, now: float) -> bool:
    """Store an incident's evidence and say that it is wanted in its thread; whether it has to be sent."""
    ledger.save_evidence(connection, number, evidence, now)
    if evidence is None:
        return False
    outbox.want(connection, number, outbox.EVIDENCE, thread.evidence(evidence).digest(), now=now)
    return True


def _store(
    connection: Connection, after: Incident, before: Incident | None, look: Look, *, now: float
) -> bool:
    """Save an incident; when its state is another, also what is now wanted of it. Whether it is."""
    same = (
        before is not None
        and after.state_hash() == before.state_hash()
        and after.resolved_at == before.resolved_at
    )
    stored = ledger.save(connection, after, before)
    if same:
        return False
    outbox.want(connection, stored.id, outbox.MESSAGE, rendering.message(stored, look).digest(), now=now)
    posted = before is not None and outbox.posted(connection, stored.id)
    if before is not None and posted and stored.severity > before.severity and stored.open:
        worse = thread.raised(stored, look, stored.severity)
        part = f"{outbox.RAISED}{int(stored.severity)}"
        outbox.want(connection, stored.id, part, worse.digest(), now=now)
    return True


def _notice_again(incident: Incident, alerts: Sequence[Alert]) -> Notice:
    keys = sorted(incident.group_keys) or [f"fingerprint:{alerts[0].fingerprint}"]
    return Notice(
        group_key=keys[0],
        receiver=incident.receiver,
        external_url=incident.external_url,
        group_labels=incident.group_labels,
        truncated=0,
        alerts=tuple(alerts),
    )
