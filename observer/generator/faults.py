"""What is wrong with a template, said so that its author can mend it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from observer.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterable


class TemplateError(Malformed):
    """A template, an override or a parameter that cannot be used.

    Args:
        file: The file's name, as the reader knows it.

        path: The place inside the file, for example ``signals.postgres.up.threshold``; may be empty.

        what: What is wrong, in one sentence.

        mend: What the author does about it.
    """

    code = "template"

    def __init__(self, *, file: str, path: str, what: str, mend: str = "") -> None:
        place = f"{file}: {path}" if path else file
        super().__init__(f"{place}: {what}", remedy=mend)
        self.file = file
        self.path = path
        self.what = what


class ExpressionError(ValueError):
    """An expression that Prometheus refuses, or that can never say what its author means.

    Args:
        what: What is wrong, in one sentence.

        mend: What the author does about it.
    """

    def __init__(self, what: str, mend: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence that names the closest known names, or lists them when there are few, else nothing."""
    names = sorted(set(known))
    close = get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return f"Did you mean {' or '.join(close)}?"
    if 0 < len(names) <= 16:
        return f"Known are {', '.join(names)}."
    return ""
