"""What an incident is called, what it is about and how bad it is, in words that every place shares."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from observer.incidents.model import Ending, Severity
from observer.slack.text import clip

if TYPE_CHECKING:
    from observer.incidents.model import Incident, Member

SEVERITIES = {
    Severity.PAGE: "page",
    Severity.TICKET: "ticket",
    Severity.INFO: "info",
    Severity.NONE: "no severity",
}


def resolved_word(incident: Incident) -> str:
    """How it ended, in one word or three."""
    if any(m.ending == Ending.UNREPORTED for m in incident.members.values()):
        return "No longer reported"
    return "Resolved"


def shown(incident: Incident) -> list[Member]:
    """The members that stand for the incident: those that fire, or all when none does."""
    members = sorted(incident.members.values(), key=lambda m: (m.alert.starts_at, m.alert.fingerprint))
    return [m for m in members if m.firing] or members


def common(incident: Incident, annotation: str) -> str:
    """An annotation that all who stand for the incident agree on; empty where they do not."""
    values = {m.alert.annotations.get(annotation, "") for m in shown(incident)}
    return values.pop() if len(values) == 1 else ""


def common_labels(incident: Incident) -> dict[str, str]:
    """The labels that all alerts share."""
    members = list(incident.members.values())
    shared = dict(members[0].alert.labels) if members else {}
    for member in members[1:]:
        shared = {k: v for k, v in shared.items() if member.alert.labels.get(k) == v}
    return shared


def name(incident: Incident) -> str:
    """The alert's name, or the first of several."""
    names = sorted({m.alert.labels.get("alertname", "") for m in incident.members.values()} - {""})
    if not names:
        return "Alert"
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def severity_word(incident: Incident) -> str:
    """The users' own word for the severity, where the alerts agree on one."""
    words = {
        m.alert.labels.get("severity", "")
        for m in incident.members.values()
        if Severity.of(m.alert.labels) is incident.severity
    } - {""}
    return clip(words.pop(), 40) if len(words) == 1 else SEVERITIES[incident.severity]


_PLACES = ("cluster", "namespace", "service")
_SUBJECTS = ("target", "subject", "datname", "replica", "pool")
_ORIGINS = ("job", "instance")


def about(incident: Incident) -> str:
    """What it is about, by the labels that all alerts share.

    Where the numbers came from says little to a person: the scrape's own labels stand in only where no other
    label names a subject.
    """
    shared = incident.group_labels | common_labels(incident)
    named = _SUBJECTS if any(shared.get(label) for label in _SUBJECTS) else _ORIGINS
    return ", ".join(f"{label} {shared[label]}" for label in (*_PLACES, *named) if shared.get(label))


def steps(incident: Incident) -> str:
    """What to do, a step in a line, as the alert's runbook says; empty where there is none."""
    # A step that goes on in an indented line is one line here: a span of code may not be broken in two.
    return re.sub(r"\n[ \t]+", " ", common(incident, "runbook").strip())


def summary(incident: Incident) -> str:
    """What is the matter, in one sentence."""
    same = common(incident, "summary") or common(incident, "message")
    if same:
        return same
    firing, total = len(incident.firing), len(incident.members)
    if incident.open:
        return f"{firing} of {total} alerts fire" if firing != total else f"{total} alerts fire"
    return f"{total} alerts are over"
