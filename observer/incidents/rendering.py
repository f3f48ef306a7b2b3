"""How an incident looks in Slack: pure functions from an incident to messages."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from observer.incidents.model import Ending, Incident, Member, Severity
from observer.slack import limits
from observer.slack.message import AMBER, BLUE, GREEN, GREY, RED, Block, Message, context, section
from observer.slack.text import ELLIPSIS, clip, code, duration, link, moment, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from observer.incidents.model import Evidence

LATE_SECONDS = 60.0
LISTED = 10
LISTED_RESOLVED = 5
EVIDENCE_ROWS = 12
CELL = 60

_BARS = {Severity.PAGE: RED, Severity.TICKET: AMBER, Severity.INFO: BLUE, Severity.NONE: GREY}
_DOTS = {
    Severity.PAGE: ":red_circle:",
    Severity.TICKET: ":large_orange_circle:",
    Severity.INFO: ":large_blue_circle:",
    Severity.NONE: ":white_circle:",
}
_OVER = ":large_green_circle:"
_SEVERITIES = {
    Severity.PAGE: "page",
    Severity.TICKET: "ticket",
    Severity.INFO: "info",
    Severity.NONE: "no severity",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the settings say about looks.

    Args:
        mentions: Slack's markup of whom to call, such as ``<!subteam^S0123>``, by an alert's ``label=value``.
            ``severity=page`` stands for every word of that severity.
    """

    mentions: Mapping[str, str] = field(default_factory=dict)


def message(incident: Incident, look: Look, *, late: float = 0.0, fresh: bool = False) -> Message:
    """The incident's message.

    Args:
        incident: What to tell.

        look: How to.

        late: Seconds that Slack shows it after it happened; told from a minute on.

        fresh: It stands for an earlier message that was deleted.
    """
    # What is listed shrinks until everything fits: ten alerts of ordinary size always do.
    built = _message(incident, look, late, fresh, listed=0)
    for listed in range(LISTED if incident.open else LISTED_RESOLVED, 0, -1):
        candidate = _message(incident, look, late, fresh, listed=listed)
        if candidate.characters() <= limits.MESSAGE:
            return candidate
    return built


def _message(incident: Incident, look: Look, late: float, fresh: bool, *, listed: int) -> Message:
    state = "Firing" if incident.open else _resolved_word(incident)
    name = _name(incident)
    about = _about(incident)
    summary = _summary(incident)
    dot = _DOTS[incident.severity] if incident.open else _OVER
    title = f"{dot} *{state}* · *{quoted(name, 200)}*" + (f" · {quoted(about, 300)}" if about else "")
    called = _mentions(incident, look) if incident.open else ""
    lines = [title + (f" {called}" if called else "")]
    if summary:
        lines.append(quoted(summary, 600))
    parts: list[Block] = []
    if many := _members(incident, listed):
        parts.append(section(many))
    if incident.open and (description := _common(incident, "description")) and description != summary:
        parts.append(section(quoted(description, 1_200)))
    if links := _links(incident):
        parts.append(section(links))
    parts.append(context(_facts(incident)))
    notes = _notes(incident, late, fresh)
    if notes:
        parts.append(context(notes))
    plain = f"{state}: {clip(name, 200)}" + (f" on {clip(about, 200)}" if about else "")
    plain += f" ({_severity_word(incident)})" if incident.open else ""
    plain += f": {clip(summary, 400)}" if summary else ""
    return Message(
        text=quoted(plain, 1_500) + (f" {called}" if called else ""),
        blocks=(section("\n".join(lines)),),
        bar=_BARS[incident.severity] if incident.open else GREEN,
        barred=tuple(parts),
    )


def raised(incident: Incident, look: Look, severity: Severity) -> Message:
    """A reply that tells the channel that an incident got worse: edits of its message notify nobody."""
    called = _mentions(incident, look)
    word = quoted(_severity_word(incident), 40)
    text = f"{_DOTS[severity]} *{quoted(_name(incident), 200)}* is now of severity *{word}*"
    text += f" {called}" if called else ""
    return Message(text=text, blocks=(section(text),), broadcast=True)


def evidence(told: Evidence) -> Message:
    """The reply with what the data says. It calls nobody."""
    for rows in range(min(EVIDENCE_ROWS, len(told.rows)), -1, -1):
        built = _evidence(told, rows)
        if built.characters() <= limits.MESSAGE:
            break
    return built


def _evidence(told: Evidence, rows: int) -> Message:
    blocks = [section(f"*{quoted(told.title, 300)}*")]
    if told.sentences:
        sentences = "\n".join(f"• {quoted(s, 500)}" for s in told.sentences[:5])
        blocks.append(section(sentences))
    if told.columns and rows:
        blocks.append(section(_table(told, rows)))
        if len(told.rows) > rows:
            blocks.append(context(f"and {len(told.rows) - rows} more"))
    return Message(text=quoted(told.title, 300), blocks=tuple(blocks))


def _table(told: Evidence, rows: int) -> str:
    """A table in fixed width; cut by whole lines, so that the fence is always closed."""
    cells = [
        [clip(" ".join(cell.replace("`", "ʼ").split()), CELL) for cell in row]  # noqa: RUF001 - a stand-in
        for row in (told.columns, *told.rows[:rows])
    ]
    widths = [max(len(row[i]) for row in cells if i < len(row)) for i in range(len(told.columns))]
    lines = []
    room = limits.SECTION_TEXT - 10
    for row in cells:
        line = quoted("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=False)).rstrip(), 400)
        room -= len(line) + 1
        if room < 0:
            break
        lines.append(line)
    return "```\n" + "\n".join(lines) + "\n```"


def _resolved_word(incident: Incident) -> str:
    if any(m.ending == Ending.UNREPORTED for m in incident.members.values()):
        return "No longer reported"
    return "Resolved"


def _shown(incident: Incident) -> list[Member]:
    """The members that stand for the incident: those that fire, or all when none does."""
    members = sorted(incident.members.values(), key=lambda m: (m.alert.starts_at, m.alert.fingerprint))
    return [m for m in members if m.firing] or members


def _common(incident: Incident, annotation: str) -> str:
    values = {m.alert.annotations.get(annotation, "") for m in _shown(incident)}
    return values.pop() if len(values) == 1 else ""


def _common_labels(incident: Incident) -> dict[str, str]:
    members = list(incident.members.values())
    shared = dict(members[0].alert.labels) if members else {}
    for member in members[1:]:
        shared = {k: v for k, v in shared.items() if member.alert.labels.get(k) == v}
    return shared


def _name(incident: Incident) -> str:
    names = sorted({m.alert.labels.get("alertname", "") for m in incident.members.values()} - {""})
    if not names:
        return "Alert"
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _severity_word(incident: Incident) -> str:
    """The users' own word for the severity, where the alerts agree on one."""
    words = {
        m.alert.labels.get("severity", "")
        for m in incident.members.values()
        if Severity.of(m.alert.labels) is incident.severity
    } - {""}
    return clip(words.pop(), 40) if len(words) == 1 else _SEVERITIES[incident.severity]


_SUBJECTS = ("cluster", "namespace", "service", "job", "target", "subject", "instance", "datname", "pool")


def _about(incident: Incident) -> str:
    shared = incident.group_labels | _common_labels(incident)
    return ", ".join(f"{label} {shared[label]}" for label in _SUBJECTS if shared.get(label))


def _summary(incident: Incident) -> str:
    same = _common(incident, "summary") or _common(incident, "message")
    if same:
        return same
    firing, total = len(incident.firing), len(incident.members)
    if incident.open:
        return f"{firing} of {total} alerts fire" if firing != total else f"{total} alerts fire"
    return f"{total} alerts are over"


def _members(incident: Incident, listed: int) -> str:
    if len(incident.members) < 2 or listed == 0:
        return ""
    shared = _common_labels(incident)
    members = sorted(
        incident.members.values(), key=lambda m: (not m.firing, m.alert.starts_at, m.alert.fingerprint)
    )
    lines = []
    room = limits.SECTION_TEXT - 60
    for member in members[:listed]:
        line = _line(member, shared, incident)
        if len(line) + 1 > room:
            break
        room -= len(line) + 1
        lines.append(line)
    left = len(members) - len(lines)
    return "\n".join([*lines, f"{ELLIPSIS} and {left} more"] if left else lines)


def _line(member: Member, shared: Mapping[str, str], incident: Incident) -> str:
    own = {k: v for k, v in member.alert.labels.items() if k not in shared and k != "severity"}
    who = ", ".join(f"{k}={v}" for k, v in sorted(own.items())) or member.alert.fingerprint
    dot = _DOTS[Severity.of(member.alert.labels)] if member.firing else _OVER
    line = f"{dot} {code(who, 240)}"
    summary = member.alert.annotations.get("summary", "")
    if summary and member.firing and not _common(incident, "summary"):
        line += f" {quoted(summary, 240)}"
    if not member.firing:
        line += f" over after {_lasted(member)}"
    return line


def _lasted(member: Member) -> str:
    return duration((member.alert.ends_at or member.alert.starts_at) - member.alert.starts_at)


def _facts(incident: Incident) -> str:
    started = min((m.alert.starts_at for m in incident.members.values()), default=incident.opened_at)
    word = quoted(_severity_word(incident), 40)
    facts = [word, f"since {moment(started)}"]
    if not incident.open:
        ended = max((m.alert.ends_at or 0.0 for m in incident.members.values()), default=0.0)
        ended = ended or incident.resolved_at or started
        facts = [
            word,
            f"{moment(started)} to {moment(ended)}",
            f"lasted {duration(ended - started)}",
        ]
    firing, total = len(incident.firing), len(incident.members)
    if total > 1:
        facts.append(f"{firing} of {total} fire" if incident.open else f"{total} alerts")
    return " · ".join(facts)


def _notes(incident: Incident, late: float, fresh: bool) -> str:
    notes = []
    if late >= LATE_SECONDS:
        notes.append(f"Reached Slack {duration(late)} late.")
    if fresh:
        notes.append("Posted anew: the earlier message can no longer be edited.")
    if incident.truncated:
        notes.append(f"Alertmanager left out {incident.truncated} alerts (max_alerts).")
    if not incident.open and _resolved_word(incident) != "Resolved":
        notes.append("Alertmanager no longer knows this alert; that it was resolved was never told.")
    return " ".join(notes)


def _links(incident: Incident) -> str:
    found = []
    for annotation, words in (
        ("runbook_url", "Runbook"),
        ("dashboard_url", "Dashboard"),
        ("report_url", "Report"),
    ):
        url = _common(incident, annotation)
        if url and (made := link(url, words)) != words:
            found.append(made)
    urls = {m.alert.generator_url for m in _shown(incident)}
    if len(urls) == 1 and (made := link(urls.pop(), "Query")) != "Query":
        found.append(made)
    if incident.open and incident.external_url:
        made = link(_silence_url(incident), "Silence")
        if made != "Silence":
            found.append(made)
    return " · ".join(found)


def _silence_url(incident: Incident) -> str:
    labels = incident.group_labels or _common_labels(incident)
    matchers = ",".join(f"{name}={json.dumps(value)}" for name, value in sorted(labels.items()))
    return f"{incident.external_url.rstrip('/')}/#/silences/new?filter={quote('{' + matchers + '}', safe='')}"


def _mentions(incident: Incident, look: Look) -> str:
    called: list[str] = []
    for member in _shown(incident):
        labels = dict(member.alert.labels)
        severity = Severity.of(labels)
        keys = [f"{k}={v}" for k, v in sorted(labels.items())] + [f"severity={_SEVERITIES[severity]}"]
        called += [look.mentions[key] for key in keys if key in look.mentions]
    return " ".join(dict.fromkeys(called))
