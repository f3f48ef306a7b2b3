"""Keys by name: where a configured key is, and which names a pattern of Redis fits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_PLACE = re.compile(r"(?:db(\d+)=)?(.*)", re.DOTALL)
_SPECIAL = re.compile(r"[*?\[\\]")


@dataclass(frozen=True, slots=True)
class Place:
    """A key, or a pattern of keys, in a database.

    Args:
        database: Its number.
        name: The key or the pattern.
    """

    database: int
    name: str

    @classmethod
    def parse(cls, written: str, *, default: int) -> Place:
        """``orders`` in the default database, ``db3=orders`` in another."""
        match = _PLACE.fullmatch(written)
        assert match is not None  # noqa: S101 - everything fits
        return cls(default if match[1] is None else int(match[1]), match[2])

    @property
    def is_pattern(self) -> bool:
        """Whether it stands for several keys."""
        return _SPECIAL.search(self.name) is not None

    @property
    def label(self) -> str:
        """The database as labels show it."""
        return f"db{self.database}"


def expression(pattern: str) -> str:
    r"""A pattern of Redis as a regular expression for the bytes of a name.

    ``*``, ``?``, ``[abc]``, ``[^a]``, ``[a-z]`` and ``\`` mean what they mean to KEYS and SCAN; a set that is
    not closed ends with the pattern.
    Source: https://redis.io/docs/latest/commands/keys/
    """
    found, rest = [], pattern.encode()
    while rest:
        char, rest = rest[:1], rest[1:]
        if char == b"*":
            found.append(b".*")
        elif char == b"?":
            found.append(b".")
        elif char == b"[":
            members, rest = _set(rest)
            found.append(members)
        else:
            if char == b"\\" and rest:
                char, rest = rest[:1], rest[1:]
            found.append(re.escape(char))
    return b"".join(found).decode("latin-1")


def _set(rest: bytes) -> tuple[bytes, bytes]:
    """The members of a set up to its end, and what follows it."""
    negated = rest[:1] == b"^"
    rest = rest[1:] if negated else rest
    members = []
    while rest and rest[:1] != b"]":
        if rest[:1] == b"\\" and len(rest) > 1:
            members.append(re.escape(rest[1:2]))
            rest = rest[2:]
        elif rest[1:2] == b"-" and len(rest) > 2:
            low, high = sorted((rest[:1], rest[2:3]))
            members.append(re.escape(low) + b"-" + re.escape(high))
            rest = rest[3:]
        else:
            members.append(re.escape(rest[:1]))
            rest = rest[1:]
    # An empty set fits nothing, its negation everything.
    if not members:
        return (b"." if negated else b"(?!)"), rest[1:]
    return b"[" + (b"^" if negated else b"") + b"".join(members) + b"]", rest[1:]


class Classifier:
    """Tells which of several patterns a name fits first.

    Args:
        patterns: In the order in which they are tried.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        alternatives = "|".join(f"({expression(pattern)})" for pattern in patterns)
        # One expression for all: a pass looks at thousands of names.
        self._match = (
            re.compile(alternatives.encode("latin-1"), re.DOTALL).fullmatch if alternatives else None
        )

    def first(self, name: bytes) -> int | None:
        """The index of the first pattern that fits; ``None`` when none does."""
        match = self._match(name) if self._match is not None else None
        return None if match is None or match.lastindex is None else match.lastindex - 1
