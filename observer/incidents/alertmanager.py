"""What Alertmanager has now, by its API: the means to find ends that were never told."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from observer.deadlines import Deadline
from observer.errors import ObserverError, TargetUnreachable

if TYPE_CHECKING:
    from collections.abc import Sequence

ANSWER_BYTES = 64 * 1024 * 1024
ASK_SECONDS = 10.0
_EVERY = {"active": "true", "silenced": "true", "inhibited": "true", "unprocessed": "true"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the Alertmanagers said.

    Args:
        fingerprints: Of every alert that one of them has, muted ones too.

        complete: All of them answered, and there is one at least.

        failures: One sentence for each that did not.
    """

    fingerprints: frozenset[str]
    complete: bool
    failures: tuple[str, ...] = ()


def ask(urls: Sequence[str], *, seconds: float = ASK_SECONDS) -> Report:
    """Ask every Alertmanager for its alerts; one that fails or is slow takes nothing from the others."""
    found: set[str] = set()
    failures: list[str] = []
    for url in urls:
        try:
            found |= fingerprints(url, Deadline(seconds, f"asking Alertmanager at {_shown(url)}"))
        except ObserverError as fault:
            failures.append(fault.sentence)
    return Report(
        fingerprints=frozenset(found), complete=bool(urls) and not failures, failures=tuple(failures)
    )


def fingerprints(url: str, deadline: Deadline) -> set[str]:
    """Fingerprints of every alert that one Alertmanager has.

    Raises:
        TargetUnreachable: It did not answer, or with something else.
        DeadlineExceeded: Not in time.
    """
    body = bytearray()
    try:
        with (
            httpx.Client(timeout=deadline.check(), follow_redirects=False) as client,
            client.stream("GET", f"{url.rstrip('/')}/api/v2/alerts", params=_EVERY) as answer,
        ):
            answer.raise_for_status()
            for chunk in answer.iter_bytes():
                deadline.check()
                body += chunk
                if len(body) > ANSWER_BYTES:
                    raise TargetUnreachable(f"Alertmanager at {_shown(url)} sent over {ANSWER_BYTES} bytes.")
        return {str(alert["fingerprint"]) for alert in json.loads(body)}
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError, KeyError) as fault:
        raise TargetUnreachable(
            f"Alertmanager at {_shown(url)} could not be asked for its alerts ({type(fault).__name__}).",
            remedy="Check its URL, and that Observer may reach it.",
        ) from None


def _shown(url: str) -> str:
    """The URL without a user's name and password."""
    scheme, mark, rest = url.partition("://")
    return scheme + mark + rest.rpartition("@")[2]
