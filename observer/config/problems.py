"""A fault in the settings, and where it stands."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from observer.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend.

    Args:
        where: ``observer.yml:12``, an environment variable, or an option.
        path: The setting, as ``postgres[0].dsn``.
        what: What is wrong with it. Never the value of a secret.
        remedy: How to mend it.
    """

    where: str
    path: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        head = f"{self.where}: {self.path}: {self.what}" if self.path else f"{self.where}: {self.what}"
        return f"{head}. {self.remedy}" if self.remedy else head


class SettingsError(ConfigurationError):
    """The settings cannot be used; all problems at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def dotted(path: Iterable[str | int]) -> str:
    """A path as people write it: ``postgres[0].dsn``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """A remedy for a name that is not known."""
    names = sorted(known)
    close = difflib.get_close_matches(wrong, names, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known here: {', '.join(names)}."
