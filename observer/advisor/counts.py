"""What statements counted, as values: differences, sums, and the compact form in which they are kept."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_KEY = struct.Struct("<qq?qdq")
_ROW = struct.Struct("<qqdq")

Key = tuple[int, int, bool]
"""User, queryid, and whether the statement was sent by a client or run inside another."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What a statement counted."""

    calls: int
    total_ms: float
    rows: int

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.calls + other.calls, self.total_ms + other.total_ms, self.rows + other.rows)

    @property
    def mean_ms(self) -> float:
        """Milliseconds of one call."""
        return self.total_ms / self.calls if self.calls else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """All counters of a database's statements at a moment.

    Args:
        epoch: Changes when the server forgets all counters at once.
    """

    at: float
    epoch: str
    entries: Mapping[Key, Counts]


def difference(before: Mark, after: Mark) -> dict[int, Counts]:
    """What was counted between two marks, by queryid, where anything was.

    A counter that went back belongs to an entry that was evicted or reset, and made again: all of it is new.
    """
    old = before.entries if before.epoch == after.epoch else {}
    found: dict[int, Counts] = {}
    for key, now in after.entries.items():
        then = old.get(key)
        if then is None or now.calls < then.calls or now.total_ms < then.total_ms or now.rows < then.rows:
            added = now
        else:
            added = Counts(now.calls - then.calls, now.total_ms - then.total_ms, now.rows - then.rows)
        if added.calls:
            known = found.get(key[1])
            found[key[1]] = known + added if known else added
    return found


def added_up(parts: Iterable[Mapping[int, Counts]]) -> dict[int, Counts]:
    """The sums, by queryid."""
    total: dict[int, Counts] = {}
    for part in parts:
        for queryid, counts in part.items():
            known = total.get(queryid)
            total[queryid] = known + counts if known else counts
    return total


def leading(counts: Mapping[int, Counts], most: int, by: str = "time") -> list[int]:
    """The queryids that took the most time, or were called most, at most so many, the greatest first.

    Args:
        counts: By queryid.

        most: How many at most.

        by: ``time`` or ``calls``.
    """

    def measure(one: Counts) -> float:
        return one.calls if by == "calls" else one.total_ms

    return sorted(counts, key=lambda queryid: (-measure(counts[queryid]), queryid))[:most]


def packed(counts: Mapping[int, Counts]) -> bytes:
    """The compact form; its inverse is `unpacked`."""
    rows = (_ROW.pack(queryid, c.calls, c.total_ms, c.rows) for queryid, c in sorted(counts.items()))
    return zlib.compress(b"".join(rows))


def unpacked(data: bytes) -> dict[int, Counts]:
    """The inverse of `packed`."""
    rows = _ROW.iter_unpack(zlib.decompress(data))
    return {queryid: Counts(calls, total_ms, many) for queryid, calls, total_ms, many in rows}


def packed_entries(entries: Mapping[Key, Counts]) -> bytes:
    """A mark's entries in the compact form; its inverse is `unpacked_entries`."""
    rows = (_KEY.pack(*key, c.calls, c.total_ms, c.rows) for key, c in sorted(entries.items()))
    return zlib.compress(b"".join(rows))


def unpacked_entries(data: bytes) -> dict[Key, Counts]:
    """The inverse of `packed_entries`."""
    rows = _KEY.iter_unpack(zlib.decompress(data))
    return {(user, queryid, top): Counts(calls, ms, many) for user, queryid, top, calls, ms, many in rows}
