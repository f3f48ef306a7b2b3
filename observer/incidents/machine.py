"""The state machine: from what is known and what was heard to what is known now, without clock or store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from observer.incidents.model import Alert, Ending, Incident, Member, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from observer.incidents.model import Notice

LAG_SECONDS = 360.0
"""How long after an end a firing of the same episode may be a peer's old news. A little over Alertmanager's
default group_interval, within which a peer that lags has told the end as well."""

CONTEST_SECONDS = 30.0
"""How long a contested firing waits before Alertmanager is believed: its peers must have gossiped."""

PATIENCE_SECONDS = 600.0
"""How long no Alertmanager may know a firing alert before it is taken as over: twice resolve_timeout, so that
an Alertmanager that has just restarted has long heard of it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a notice changed: incidents to store, those without id being new, and alerts without effect."""

    incidents: tuple[Incident, ...]
    ignored: int = 0


def hear(notice: Notice, known: Sequence[Incident], *, now: float, certain: bool = False) -> Heard:
    """Apply a notice.

    An alert belongs to the open incident that has it already, whatever group it comes under: groups change
    their keys when routes do, and a message whose alerts had moved away would stay red for ever. A new alert
    belongs to the open incident of its group, to the one from which the group took over, or to a new one.

    Args:
        notice: What was heard.

        known: The open incident of the group key, and of each fingerprint the incident that had it last.

        now: Unix time.

        certain: A firing is no old news, however early it started.
    """
    return _Hearing(notice, known, now=now, certain=certain).outcome()


class _Hearing:
    """One notice being applied; holds the incidents while they change."""

    def __init__(self, notice: Notice, known: Sequence[Incident], *, now: float, certain: bool) -> None:
        self._notice = notice
        self._now = now
        self._certain = certain
        self._incidents = {incident.id: incident for incident in known}
        self._before = dict(self._incidents)
        self._holder: dict[str, int] = {}
        for incident in sorted(known, key=lambda i: (i.open, i.id)):
            for fingerprint in incident.members:
                self._holder[fingerprint] = incident.id
        self._home = self._find_home()
        self._copied: set[int] = set()
        self._ignored = 0

    def outcome(self) -> Heard:
        for alert in self._notice.alerts:
            self._apply(alert)
        holders = {self._holder[a.fingerprint] for a in self._notice.alerts if a.fingerprint in self._holder}
        changed = []
        for number in sorted(holders | self._copied | ({self._home} & self._incidents.keys())):
            incident = self._closed_if_over(self._incidents[number])
            if incident.open or incident != self._before.get(number):
                changed.append(replace(incident, seen_at=self._now))
        return Heard(incidents=tuple(changed), ignored=self._ignored)

    def _find_home(self) -> int:
        """The incident that new alerts go to; 0 stands for one that is made when it is needed."""
        opened = [i for i in self._incidents.values() if i.open]
        for incident in opened:
            if self._notice.group_key in incident.group_keys:
                return incident.id
        firing = {a.fingerprint for a in self._notice.alerts if a.firing}
        adopted = [i for i in opened if any(m.firing and f in firing for f, m in i.members.items())]
        if not adopted:
            return 0
        first = min(adopted, key=lambda i: i.id)
        keys = first.group_keys | {self._notice.group_key}
        self._incidents[first.id] = replace(first, group_keys=keys)
        return first.id

    def _apply(self, alert: Alert) -> None:
        number = self._holder.get(alert.fingerprint)
        if number is None:
            if alert.firing:
                self._join(alert)
            else:
                self._ignored += 1  # the end of something that was never told needs no telling
            return
        member = self._incidents[number].members[alert.fingerprint]
        if alert.firing:
            self._fires(number, member, alert)
        else:
            self._ends(number, member, alert)

    def _fires(self, number: int, member: Member, alert: Alert) -> None:
        if member.firing:
            if member.missing_since is not None:
                self._put(number, replace(member, missing_since=None))
        elif not self._certain and self._old_news(member, alert):
            self._ignored += 1
            self._put(number, replace(member, contested_at=member.contested_at or self._now))
        elif self._incidents[number].open:
            self._put(number, Member(alert=alert))
        else:
            if member.contested_at is not None:
                self._put(number, replace(member, contested_at=None))
            self._join(alert)

    def _old_news(self, member: Member, alert: Alert) -> bool:
        """Whether a firing may be an echo of the episode that is over: told by a peer that lags behind."""
        ended, heard = member.alert.ends_at, member.ended_seen_at
        if member.ending != Ending.RESOLVED or ended is None or heard is None:
            return False
        return alert.starts_at <= ended and self._now - heard < LAG_SECONDS

    def _ends(self, number: int, member: Member, alert: Alert) -> None:
        ended = alert.ends_at if alert.ends_at is not None else self._now
        if not member.firing:
            if member.contested_at is not None:
                self._put(number, replace(member, contested_at=None))  # the peer has caught up
            else:
                self._ignored += 1
        elif ended < member.alert.starts_at:
            self._ignored += 1  # the end of an earlier episode, told late
        else:
            self._put(number, over(member, ending=Ending.RESOLVED, ended=ended, heard=self._now))

    def _join(self, alert: Alert) -> None:
        if self._home not in self._incidents:
            self._incidents[self._home] = Incident(
                group_keys=frozenset({self._notice.group_key}),
                receiver=self._notice.receiver,
                external_url=self._notice.external_url,
                group_labels=self._notice.group_labels,
                opened_at=self._now,
                changed_at=self._now,
                seen_at=self._now,
            )
        self._holder[alert.fingerprint] = self._home
        self._put(self._home, Member(alert=alert))

    def _put(self, number: int, member: Member) -> None:
        incident = self._incidents[number]
        if number not in self._copied:
            # Copied once and then changed in place: a notice may hold thousands of alerts.
            self._copied.add(number)
            incident = replace(incident, members=dict(incident.members))
        incident.members[member.alert.fingerprint] = member
        if incident.open and member.firing:
            severity = max(incident.severity, Severity.of(member.alert.labels))
            truncated = max(incident.truncated, self._notice.truncated)
            incident = replace(incident, severity=severity, truncated=truncated)
        self._incidents[number] = incident

    def _closed_if_over(self, incident: Incident) -> Incident:
        return closed_if_over(incident, self._before.get(incident.id), now=self._now)


def over(member: Member, *, ending: str, ended: float, heard: float) -> Member:
    """The member, ended."""
    return replace(
        member,
        alert=replace(member.alert, firing=False, ends_at=ended),
        ending=ending,
        ended_seen_at=heard,
        missing_since=None,
        contested_at=None,
    )


def closed_if_over(incident: Incident, before: Incident | None, *, now: float) -> Incident:
    """The incident with its times of change and of end set, if there is any."""
    if before is None or incident.state_hash() != before.state_hash():
        incident = replace(incident, changed_at=now)
    if incident.open and not incident.firing:
        return replace(incident, resolved_at=now)
    return incident


def reconcile(
    incident: Incident, *, reported: Iterable[str], complete: bool, now: float
) -> tuple[Incident, tuple[Alert, ...]]:
    """Compare an incident with what Alertmanager knows.

    Args:
        incident: An open incident, or a closed one with a contested alert.

        reported: Fingerprints of the alerts that those Alertmanagers have which answered.

        complete: All of them answered. Else nothing is taken as over for not being reported.

        now: Unix time.

    Returns:
        The incident, and the contested firings that turned out to be real. These are to be heard as certain.
    """
    present = frozenset(reported)
    members = dict(incident.members)
    upheld: list[Alert] = []
    for fingerprint, member in incident.members.items():
        if member.firing:
            members[fingerprint] = _still(member, present, complete=complete, now=now)
        elif member.contested_at is not None:
            verdict = _verdict(member, present, complete=complete, now=now)
            if verdict is None:
                continue
            members[fingerprint] = replace(member, contested_at=None)
            if verdict:
                upheld.append(replace(member.alert, firing=True, ends_at=None))
    after = replace(incident, members=members)
    if incident.open and not upheld:
        after = closed_if_over(after, incident, now=now)
    return after, tuple(upheld)


def _still(member: Member, present: frozenset[str], *, complete: bool, now: float) -> Member:
    if member.alert.fingerprint in present:
        return member if member.missing_since is None else replace(member, missing_since=None)
    if not complete:
        return member
    if member.missing_since is None:
        return replace(member, missing_since=now)
    if now - member.missing_since < PATIENCE_SECONDS:
        return member
    return over(member, ending=Ending.UNREPORTED, ended=member.missing_since, heard=now)


def _verdict(member: Member, present: frozenset[str], *, complete: bool, now: float) -> bool | None:
    """Whether a contested firing is real; None while that is open."""
    waited = now - (member.contested_at or now)
    if waited < CONTEST_SECONDS:
        return None
    if member.alert.fingerprint in present:
        return True
    if complete:
        return False
    # Who would know cannot be asked: to show an alert twice is better than to hide one.
    return True if waited >= LAG_SECONDS else None
