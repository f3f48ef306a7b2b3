"""A candidate: an index that one access of one statement could use, and how much is known of its worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from observer.advisor.indexes import Index


@dataclass(frozen=True, slots=True)
class Candidate:
    """An index to be looked at.

    Args:
        kind: Which file of this package made it.

        priced: Whether HypoPG can tell its worth; what it cannot is a hypothesis.

        needs: An extension that must be there first, or empty.
    """

    index: Index
    kind: str
    priced: bool = True
    needs: str = ""
    note: str = ""
    kept: bool = True
    """Whether there is a reason to show it; a foreign key whose other side is never deleted from has none."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be proposed.

    Args:
        width: Most keys of an index; INCLUDE columns are not keys.

        partial: ``none``, ``nulls`` (IS NULL, IS NOT NULL, booleans) or ``constants`` (a statement's literals
        too).

        include: Whether covering indexes are allowed.
    """

    width: int = 3
    partial: str = "constants"
    include: bool = True
    smallest_table: int = 6
