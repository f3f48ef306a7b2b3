"""A collector of Redis as a value: the commands it asks, and what their replies mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from observer.exporter.declaration import Family
    from observer.targets.redis import Command

Replies: TypeAlias = list[Any]

Info: TypeAlias = dict[str, str]
"""The fields of INFO by name."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a collector asks; its commands go out in one write with those of all others.

    Args:
        collector: Its name.
        commands: What it asks first.
        read: From the replies to the first commands, those to the following ones, and INFO, to families.
        follow: Commands that depend on the first replies; those of all collectors go out in a second write.
        tolerant: Whether refusals of the following commands stand among their replies, for `read` to judge.
            A refusal of a first command fails the collector in any case.
    """

    collector: str
    commands: tuple[Command, ...]
    read: Callable[[Replies, Replies, Info], list[Family]]
    follow: Callable[[Replies, Info], tuple[Command, ...]] | None = None
    tolerant: bool = False


def pairs(reply: Sequence[Any]) -> dict[str, Any]:
    """A flat reply of names and values by name."""
    return {text(name): value for name, value in zip(reply[::2], reply[1::2], strict=True)}


def text(value: bytes | str | None) -> str:
    """What the server sent, for people; bytes that are no UTF-8 are replaced."""
    if value is None:
        return ""
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def whole(value: bytes | str | float | None) -> int | None:
    """A whole number as the server sent it; ``None`` for what is none."""
    try:
        return int(value) if value is not None else None
    except ValueError:
        return None
