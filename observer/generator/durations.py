"""Durations as Prometheus writes them: seconds to text and back."""

from __future__ import annotations

import re

SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
PART = re.compile(r"(\d+)(ms|[smhdwy])")
WHOLE = re.compile(r"(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?")


def seconds_of(text: str) -> float:
    """Seconds in a duration such as ``1h30m``.

    Raises:
        ValueError: It is not one.
    """
    if text == "0":
        return 0.0
    if not text or WHOLE.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a duration; write it like 30s, 5m or 1h30m")
    return float(sum(int(count) * SECONDS[unit] for count, unit in PART.findall(text)))


def text_of(seconds: float) -> str:
    """The shortest text that Prometheus reads as these seconds, to the millisecond."""
    left = round(seconds * 1000)
    if left == 0:
        return "0s"
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        size = round(SECONDS[unit] * 1000)
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)
