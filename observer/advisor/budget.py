"""How much storage the indexes may take: bytes with a unit, or a share of the database."""

from __future__ import annotations

import re

from observer.errors import Malformed

_UNITS = {"": 1, "B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}
_LEAST = 100 * 1024**2
_TEXT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(%|[kmgt]?b|)\s*\Z", re.IGNORECASE)


class MalformedBudget(Malformed):
    """A storage budget that cannot be understood."""

    code = "malformed-budget"


def parse_budget(text: str, database_size: int) -> int:
    """Bytes that ``text`` allows; an empty one a tenth of the database, at least 100 MB.

    Units are PostgreSQL's, so 1 MB is 1,048,576 bytes.

    Raises:
        MalformedBudget: It is no number above zero with a unit or a percent sign.
    """
    if not text:
        return max(_LEAST, database_size // 10)
    match = _TEXT.match(text)
    if match is None or float(match.group(1)) <= 0:
        raise MalformedBudget(
            f"the budget {text!r} is not understood",
            remedy="write bytes with a unit (500MB, 2GB) or a share (10%)",
        )
    number, unit = float(match.group(1)), match.group(2).upper()
    if unit == "%":
        return int(database_size * number / 100)
    return int(number * _UNITS[unit])


def in_words(size: float) -> str:
    """Bytes as people say them."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 10_000 or unit == "GB":
            return f"{size:,.0f} {unit}" if size >= 10 or unit == "B" else f"{size:,.1f} {unit}"
        size /= 1024
    return f"{size:,.0f} TB"
