"""What Alertmanager has now, by its API: the means to find ends that were never told."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.parse import unquote
from urllib.request import HTTPRedirectHandler, Request, build_opener

from observer.deadlines import Deadline
from observer.errors import ObserverError, TargetUnreachable

if TYPE_CHECKING:
    from collections.abc import Sequence

ANSWER_BYTES = 64 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
ASK_SECONDS = 10.0
_EVERY = "active=true&silenced=true&inhibited=true&unprocessed=true"


class _Stay(HTTPRedirectHandler):
    """Follows no redirect: a password would go wherever the answer points."""

    def redirect_request(self, *_: object) -> None:
        return None


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
        # urllib, for importing httpx brings rich and click along wherever these are installed.
        opener = build_opener(_Stay())
        with opener.open(_request(url), timeout=max(0.1, deadline.check())) as answer:
            while chunk := answer.read1(CHUNK_BYTES):
                deadline.check()
                body += chunk
                if len(body) > ANSWER_BYTES:
                    raise TargetUnreachable(f"Alertmanager at {_shown(url)} sent over {ANSWER_BYTES} bytes.")
        return {str(alert["fingerprint"]) for alert in json.loads(body)}
    except (OSError, HTTPException, ValueError, TypeError, KeyError) as fault:
        reason = fault.reason if isinstance(fault, URLError) else type(fault).__name__
        raise TargetUnreachable(
            f"Alertmanager at {_shown(url)} could not be asked for its alerts ({reason}).",
            remedy="Check its URL, and that Observer may reach it.",
        ) from None


def _request(url: str) -> Request:
    scheme, mark, rest = url.rstrip("/").partition("://")
    user, at, place = rest.rpartition("@")
    if scheme not in {"http", "https"}:
        raise ValueError("neither http nor https")
    request = Request(f"{scheme}{mark}{place}/api/v2/alerts?{_EVERY}")  # noqa: S310 - the scheme was checked
    if at:
        name, _, password = user.partition(":")
        secret = base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()
        request.add_header("Authorization", f"Basic {secret}")
    return request


def _shown(url: str) -> str:
    """The URL without a user's name and password."""
    scheme, mark, rest = url.partition("://")
    return scheme + mark + rest.rpartition("@")[2]
