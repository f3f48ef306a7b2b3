"""Alerts, incidents and evidence as values."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

OWN_RECEIVER = "observer"
"""Receiver of incidents that Observer opened itself from findings: no Alertmanager knows their alerts."""


class Severity(IntEnum):
    """How urgent an incident is; greater is worse."""

    NONE = 0
    INFO = 1
    TICKET = 2
    PAGE = 3

    @classmethod
    def of(cls, labels: Mapping[str, str]) -> Severity:
        """The severity that labels name. An unknown word is a ticket, so that it is not overlooked."""
        return _WORDS.get(labels.get("severity", "").strip().lower(), cls.TICKET)


_WORDS = {
    "page": Severity.PAGE,
    "critical": Severity.PAGE,
    "error": Severity.PAGE,
    "high": Severity.PAGE,
    "emergency": Severity.PAGE,
    "ticket": Severity.TICKET,
    "warning": Severity.TICKET,
    "warn": Severity.TICKET,
    "medium": Severity.TICKET,
    "info": Severity.INFO,
    "information": Severity.INFO,
    "low": Severity.INFO,
    "notice": Severity.INFO,
    "none": Severity.NONE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert as Alertmanager told it. Times are Unix seconds; ``ends_at`` is None while it fires."""

    fingerprint: str
    firing: bool
    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: float
    ends_at: float | None = None
    generator_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One webhook: the alerts of a group at a moment. ``truncated`` counts those that were left out."""

    group_key: str
    receiver: str
    external_url: str
    group_labels: dict[str, str]
    truncated: int
    alerts: tuple[Alert, ...]


class Ending:
    """Why an alert of an incident is over."""

    NOT = ""
    RESOLVED = "resolved"
    UNREPORTED = "unreported"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An alert within an incident.

    Args:
        ended_seen_at: When its end was heard of.

        missing_since: Since when no Alertmanager has known it although it fires here.

        contested_at: When a firing was heard that may be older than the end that is known.
    """

    alert: Alert
    ending: str = Ending.NOT
    ended_seen_at: float | None = None
    missing_since: float | None = None
    contested_at: float | None = None

    @property
    def firing(self) -> bool:
        """Whether it still fires."""
        return self.alert.firing


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the data says about an incident, told in its thread.

    Args:
        title: One line.

        sentences: Plain sentences, the most telling first.

        columns: Heads of the table; empty for none.

        rows: Cells as text, as many in each row as there are columns.

        then: What another source knows, told below.
    """

    title: str
    sentences: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    then: Evidence | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Everything that one message tells: alerts of a group from the first firing until all are over.

    Args:
        id: 0 until it is stored.

        group_keys: Every group key its alerts came under; more than one after routes were changed.

        severity: The worst so far.
    """

    id: int = 0
    group_keys: frozenset[str]
    receiver: str
    external_url: str
    group_labels: dict[str, str]
    severity: Severity = Severity.NONE
    truncated: int = 0
    opened_at: float
    changed_at: float
    seen_at: float
    resolved_at: float | None = None
    members: dict[str, Member] = field(default_factory=dict)
    evidence: Evidence | None = None

    @property
    def open(self) -> bool:
        """Whether something in it still fires."""
        return self.resolved_at is None

    @property
    def firing(self) -> list[Member]:
        """The alerts that fire."""
        return [m for m in self.members.values() if m.firing]

    def state_hash(self) -> str:
        """Equal when every alert has the same status, whatever peers disagree on in times and values."""
        status = sorted((f, m.firing, m.ending) for f, m in self.members.items())
        return hashlib.sha256(repr((status, self.truncated, int(self.severity))).encode()).hexdigest()[:32]


class EvidenceSource(Protocol):
    """Knows something about incidents; asked in a thread of its own, never on the way of an alert."""

    def evidence(self, incident: Incident) -> Evidence | None:
        """What is to be told in the incident's thread now, or None for nothing."""
