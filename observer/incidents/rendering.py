"""An incident's message in Slack: a pure function from an incident."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

from observer.incidents import words
from observer.incidents.look import BARS, DOTS, OVER, mentions
from observer.incidents.model import Severity
from observer.slack import limits
from observer.slack.message import GREEN, Block, Message, context, section
from observer.slack.text import ELLIPSIS, clip, code, duration, link, moment, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from observer.incidents.look import Look
    from observer.incidents.model import Incident, Member

LATE_SECONDS = 60.0
LISTED = 10
LISTED_RESOLVED = 5


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
    state = "Firing" if incident.open else words.resolved_word(incident)
    name = words.name(incident)
    about = words.about(incident)
    summary = words.summary(incident)
    dot = DOTS[incident.severity] if incident.open else OVER
    title = f"{dot} *{state}* · *{quoted(name, 200)}*" + (f" · {quoted(about, 300)}" if about else "")
    called = mentions(incident, look) if incident.open else ""
    lines = [title + (f" {called}" if called else "")]
    if summary:
        # Of what is over the sentence still speaks as if it were there.
        lines.append(("" if incident.open else "Was: ") + quoted(summary, 600))
    parts: list[Block] = []
    if many := _members(incident, listed):
        parts.append(section(many))
    if incident.open and (description := words.common(incident, "description")) and description != summary:
        parts.append(section(quoted(description, 1_200)))
    if incident.open and (steps := words.steps(incident)):
        parts.append(section(f"*What to do*\n{quoted(steps, 1_500)}"))
    if links := _links(incident):
        parts.append(section(links))
    parts.append(context(_facts(incident)))
    notes = _notes(incident, late, fresh)
    if notes:
        parts.append(context(notes))
    plain = f"{state}: {clip(name, 200)}" + (f" on {clip(about, 200)}" if about else "")
    plain += f" ({words.severity_word(incident)})" if incident.open else ""
    plain += f": {clip(summary, 400)}" if summary else ""
    return Message(
        text=quoted(plain, 1_500) + (f" {called}" if called else ""),
        blocks=(section("\n".join(lines)),),
        bar=BARS[incident.severity] if incident.open else GREEN,
        barred=tuple(parts),
    )


def _members(incident: Incident, listed: int) -> str:
    if len(incident.members) < 2 or listed == 0:
        return ""
    shared = words.common_labels(incident)
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
    dot = DOTS[Severity.of(member.alert.labels)] if member.firing else OVER
    line = f"{dot} {code(who, 240)}"
    summary = member.alert.annotations.get("summary", "")
    if summary and member.firing and not words.common(incident, "summary"):
        line += f" {quoted(summary, 240)}"
    if not member.firing:
        line += f" over after {_lasted(member)}"
    return line


def _lasted(member: Member) -> str:
    return duration((member.alert.ends_at or member.alert.starts_at) - member.alert.starts_at)


def _facts(incident: Incident) -> str:
    started = min((m.alert.starts_at for m in incident.members.values()), default=incident.opened_at)
    word = quoted(words.severity_word(incident), 40)
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
    if not incident.open and words.resolved_word(incident) != "Resolved":
        notes.append("Alertmanager no longer knows this alert; that it was resolved was never told.")
    return " ".join(notes)


def _links(incident: Incident) -> str:
    found = []
    for annotation, shown in (
        ("runbook_url", "Runbook"),
        ("dashboard_url", "Dashboard"),
        ("report_url", "Report"),
    ):
        url = words.common(incident, annotation)
        if url and (made := link(url, shown)) != shown:
            found.append(made)
    urls = {m.alert.generator_url for m in words.shown(incident)}
    if len(urls) == 1 and (made := link(urls.pop(), "Query")) != "Query":
        found.append(made)
    if incident.open and incident.external_url:
        made = link(_silence_url(incident), "Silence")
        if made != "Silence":
            found.append(made)
    return " · ".join(found)


def _silence_url(incident: Incident) -> str:
    labels = incident.group_labels or words.common_labels(incident)
    matchers = ",".join(f"{name}={json.dumps(value)}" for name, value in sorted(labels.items()))
    return f"{incident.external_url.rstrip('/')}/#/silences/new?filter={quote('{' + matchers + '}', safe='')}"
