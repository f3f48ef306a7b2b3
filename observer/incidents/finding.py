"""A finding: something that Observer itself found wrong, in the words of whoever found it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from observer.incidents.model import OWN_RECEIVER, Alert, Evidence, Notice, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong, how bad it is, and what mends it. The verdict, the doctor and reports are made of these.

    Args:
        kind: What was found, for instance ``"index-unused"``; names the check, not the case.

        target: Name of the target it was found in; empty for Observer itself.

        subject: What it is about within the target, for instance ``"public.orders"``.

        severity: How urgent it is.

        title: One line.

        sentences: The facts, in plain sentences.

        remedy: What mends it: a statement, a setting, a command. Empty where nothing is known.

        columns: Heads of a table of facts; empty for none.

        rows: Its cells.
    """

    kind: str
    target: str
    subject: str
    severity: Severity
    title: str
    sentences: tuple[str, ...] = ()
    remedy: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()

    @property
    def fingerprint(self) -> str:
        """Equal for the same kind of finding on the same subject, whatever its words and figures."""
        return hashlib.sha256(repr((self.kind, self.target, self.subject)).encode()).hexdigest()[:16]

    def evidence(self) -> Evidence:
        """The finding as an incident's evidence."""
        remedy = (f"To mend it: {self.remedy}",) if self.remedy else ()
        return Evidence(
            title=self.title, sentences=self.sentences + remedy, columns=self.columns, rows=self.rows
        )


def notice_of(finding: Finding, *, source: str, firing: bool, now: float) -> Notice:
    """The finding as a notice, so that it becomes an incident of its own, or ends one."""
    labels = {
        "alertname": finding.kind,
        "severity": finding.severity.name.lower(),
        "target": finding.target,
        "subject": finding.subject,
    }
    alert = Alert(
        fingerprint=finding.fingerprint,
        firing=firing,
        labels={name: value for name, value in labels.items() if value},
        annotations={"summary": finding.title, "description": " ".join(finding.sentences)},
        starts_at=now,
        ends_at=None if firing else now,
    )
    return Notice(
        group_key=f"{own_prefix(source)}{finding.fingerprint}",
        receiver=OWN_RECEIVER,
        external_url="",
        group_labels={"alertname": finding.kind},
        truncated=0,
        alerts=(alert,),
    )


def own_prefix(source: str) -> str:
    """What the group keys of a source's findings begin with."""
    return f"{OWN_RECEIVER}:{source}:"
