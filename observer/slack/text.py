"""Text in Slack's markup: everything that came from outside is escaped, clipped and linked here."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

from observer.slack import limits

ELLIPSIS = "…"


def escape(text: str) -> str:
    """Plain text as Slack's markup: without this a label could mention everybody or forge a link.

    Control characters, which Slack shows as boxes or refuses, become blanks; so do lone surrogates, which
    cannot be sent at all.
    """
    clean = "".join(
        c if (c >= " " and not "\x7f" <= c <= "\x9f" and not "\ud800" <= c <= "\udfff") or c == "\n" else " "
        for c in text
    )
    return clean.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def clip(text: str, length: int) -> str:
    """At most ``length`` characters of text not yet escaped, with an ellipsis where something was cut off."""
    return text if len(text) <= length else text[: length - 1].rstrip() + ELLIPSIS


def quoted(text: str, length: int) -> str:
    """Escaped and at most ``length`` characters long *after* escaping, never cut inside an entity."""
    whole = escape(text)
    if len(whole) <= length:
        return whole
    kept: list[str] = []
    room = length - 1
    for character in text:
        piece = escape(character)
        if len(piece) > room:
            break
        room -= len(piece)
        kept.append(piece)
    return "".join(kept).rstrip() + ELLIPSIS


def code(text: str, length: int) -> str:
    """Text as an inline code span. A backtick inside would end the span, so it becomes an apostrophe."""
    return f"`{quoted(text.replace('`', chr(0x2BC)).replace(chr(10), ' '), length)}`"


def safe_url(url: str) -> str | None:
    """The URL when it may be shown as a link: http or https, a host, and nothing that breaks the markup."""
    if (
        len(url) > limits.BUTTON_URL
        or any(c in url for c in "<>|\"'`\\")
        or not url.isprintable()
        or " " in url
    ):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.hostname else None


def link(url: str, words: str) -> str:
    """A link with its words, or only the words when the URL is not one to be shown."""
    safe = safe_url(url)
    shown = escape(words).replace("|", "/")
    return shown if safe is None else f"<{safe.replace('&', '&amp;')}|{shown}>"


def moment(at: float) -> str:
    """A time that each reader sees in his own time zone, with UTC where Slack's clients cannot."""
    plain = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"<!date^{int(at)}^{{date_short_pretty}} {{time_secs}}|{plain}>"


def duration(seconds: float) -> str:
    """A length of time in two units at most: ``"42 s"``, ``"16 min"``, ``"2 h 5 min"``, ``"3 d 4 h"``."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
