"""A question to the planner, and the two ways in which it can be refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from observer.errors import ObserverError

if TYPE_CHECKING:
    from observer.advisor.indexes import Index


class Unpriceable(ObserverError):  # noqa: N818 - reads as a state wherever it is shown
    """The planner would not price a statement."""

    code = "unpriced"

    def __init__(self, sentence: str, *, remedy: str = "", untyped: bool = False) -> None:
        super().__init__(sentence, remedy=remedy)
        self.untyped = untyped
        """Whether the server could not tell the type of a parameter, or took it for the wrong one."""


class RejectedIndex(ObserverError):  # noqa: N818 - reads as a state wherever it is shown
    """HypoPG would not take an index: its expression is not immutable, its type has no operator class."""

    code = "rejected-index"

    def __init__(self, index: Index, reason: str) -> None:
        super().__init__(reason)
        self.index = index


@dataclass(frozen=True, slots=True)
class Question:
    """A statement as it is put to the planner.

    Args:
        name: Of its prepared statement; unique in the session.

        values: Literals for its parameters; None asks for the generic plan. Empty where there are no
        parameters.

        visits: Whether index-only scans are left out, because tables that it reads must be visited anyhow.
    """

    name: str
    text: str
    parameters: int = 0
    values: tuple[str | None, ...] | None = ()
    visits: bool = False


def first_line(error: BaseException) -> str:
    """What the server said, without the detail that may quote values."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
