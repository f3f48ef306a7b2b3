"""Slack's markup: escaping, clipping, links, times."""

from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observer.slack.text import clip, code, duration, escape, link, moment, quoted, safe_url


@given(st.text())
def test_escaped_text_has_no_markup(text: str) -> None:
    """No angle bracket or bare ampersand survives, and the text can be had back."""
    escaped = escape(text)
    assert "<" not in escaped
    assert ">" not in escaped
    assert escape(html.unescape(escaped)) == escaped
    escaped.encode()


@given(st.text(), st.integers(2, 50))
def test_quoted_text_keeps_to_its_length(text: str, length: int) -> None:
    """A text is never longer than asked for, and no entity is cut in two."""
    cut = quoted(text, length)
    assert len(cut) <= length
    assert escape(html.unescape(cut)) == cut


@given(st.text(), st.integers(2, 50))
def test_clipped_text_keeps_to_its_length(text: str, length: int) -> None:
    """A clipped text is at most as long as asked for."""
    assert len(clip(text, length)) <= length


@given(st.text())
def test_code_cannot_be_left(text: str) -> None:
    """A backtick inside does not end the span."""
    assert code(text, 100).count("`") == 2


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "ftp://x/y",
        "http://",
        "//host",
        "https://a b",
        "https://a|b",
        "https://a>b",
        "http://[",
        "",
    ],
)
def test_unsafe_url_is_no_link(url: str) -> None:
    """Only http and https with a host become links."""
    assert safe_url(url) is None
    assert link(url, "Words") == "Words"


def test_moment_has_a_plain_form() -> None:
    """Where Slack cannot show a local time it shows UTC."""
    assert moment(1767225600) == "<!date^1767225600^{date_short_pretty} {time_secs}|2026-01-01 00:00:00 UTC>"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "0 s"), (42, "42 s"), (960, "16 min"), (7_500, "2 h 5 min"), (7_200, "2 h"), (273_600, "3 d 4 h")],
)
def test_duration_has_two_units_at_most(seconds: float, words: str) -> None:
    """A length of time is short to read."""
    assert duration(seconds) == words
