"""What can go wrong, as a closed taxonomy: each fault has a kind, a code, a sentence and a remedy."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar


class Kind(Enum):
    """What the caller may do about a fault."""

    RETRYABLE = "retryable"
    """The same call may go through later; nothing was done."""

    PERMANENT = "permanent"
    """The same call will fail again until a person changes something."""

    AMBIGUOUS = "ambiguous"
    """The other side may or may not have done it; look before calling again."""


class ObserverError(Exception):
    """A fault that Observer knows, with what a person can do about it.

    Args:
        sentence: What happened and where, in one plain sentence without secrets.

        remedy: What mends it: a command, a statement, a setting. Empty where nothing does.
    """

    code: ClassVar[str] = "fault"
    kind: ClassVar[Kind] = Kind.PERMANENT
    exit_code: ClassVar[int] = 70

    def __init__(self, sentence: str, *, remedy: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy


class ConfigurationError(ObserverError):
    """The settings cannot be used."""

    code = "configuration"
    exit_code = 3


class TargetUnreachable(ObserverError):  # noqa: N818 - reads as a state wherever it is shown
    """A target did not answer, or refused the connection."""

    code = "unreachable"
    kind = Kind.RETRYABLE
    exit_code = 4


class DeadlineExceeded(ObserverError):  # noqa: N818 - the field's name for it
    """A target did not answer in time."""

    code = "deadline"
    kind = Kind.RETRYABLE
    exit_code = 4


class NotPermitted(ObserverError):  # noqa: N818 - reads as a state wherever it is shown
    """The role or user that Observer was given lacks a right."""

    code = "permission"
    exit_code = 4


class NotAvailable(ObserverError):  # noqa: N818 - reads as a state wherever it is shown
    """The target lacks something that was asked of it: an extension, a command, a version."""

    code = "not-available"
    exit_code = 4


class Malformed(ObserverError):  # noqa: N818 - reads as a state wherever it is shown
    """Input that cannot be understood."""

    code = "malformed"
    exit_code = 2
