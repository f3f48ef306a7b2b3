"""How incidents look: colours by severity, and whom a message calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from observer.incidents import words
from observer.incidents.model import Severity
from observer.slack.message import AMBER, BLUE, GREY, RED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from observer.incidents.model import Incident

BARS = {Severity.PAGE: RED, Severity.TICKET: AMBER, Severity.INFO: BLUE, Severity.NONE: GREY}
DOTS = {
    Severity.PAGE: ":red_circle:",
    Severity.TICKET: ":large_orange_circle:",
    Severity.INFO: ":large_blue_circle:",
    Severity.NONE: ":white_circle:",
}
OVER = ":large_green_circle:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the settings say about looks.

    Args:
        mentions: Slack's markup of whom to call, such as ``<!subteam^S0123>``, by an alert's ``label=value``.
            ``severity=page`` stands for every word of that severity.
    """

    mentions: Mapping[str, str] = field(default_factory=dict)


def mentions(incident: Incident, look: Look) -> str:
    """Whom to call, in Slack's markup; each once."""
    called: list[str] = []
    for member in words.shown(incident):
        labels = dict(member.alert.labels)
        severity = Severity.of(labels)
        keys = [f"{k}={v}" for k, v in sorted(labels.items())] + [f"severity={words.SEVERITIES[severity]}"]
        called += [look.mentions[key] for key in keys if key in look.mentions]
    return " ".join(dict.fromkeys(called))
