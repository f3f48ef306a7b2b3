"""How statements are shown: no value of theirs, one line, and the server's own number."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import postgast

if TYPE_CHECKING:
    from observer.advisor.workload import Statement

_SPACES = re.compile(r"\s+")


def redacted(text: str) -> str:
    """A statement in one line, with a parameter in the place of each constant."""
    if not text:
        return ""
    try:
        text = postgast.normalize(text)
    except postgast.PgQueryError:
        return "(its text could not be parsed, so it cannot be shown without its values)"
    return _SPACES.sub(" ", text).strip()


def queryid_text(statement: Statement) -> str:
    """The queryid in words; empty where none is known."""
    return str(statement.queryid) if statement.queryid is not None else ""
