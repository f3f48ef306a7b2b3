"""Looks at what sessions sent last, a few times, until nothing new is seen."""

from __future__ import annotations

import threading
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from observer.advisor import facts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import psycopg

_SINCE = 140000
_LOOKS = 30
_PAUSE = 0.1
_IN_VAIN = 8
_ENOUGH = 3
"""Texts of a statement after which it is looked for no more."""


def sightings(
    connection: psycopg.Connection[Any],
    queryids: Collection[int],
    *,
    version: int,
    go_on: Callable[[], bool] = lambda: True,
) -> dict[int, list[str]]:
    """By queryid, texts as they were sent; of servers older than 14 none.

    They hold values of the user's: they are for finding constants, and never leave the process.

    Args:
        connection: In autocommit.

        queryids: Of the statements in question.

        version: Of the server.

        go_on: Asked before each look.
    """
    found: dict[int, dict[tuple[int, object], str]] = {}
    if version < _SINCE or not queryids:
        return {}
    query = files(facts).joinpath("sightings.sql").read_bytes()
    pause, in_vain = threading.Event(), 0
    for _ in range(_LOOKS):
        wanted = [queryid for queryid in queryids if len(found.get(queryid, ())) < _ENOUGH]
        if not wanted or in_vain >= _IN_VAIN or not go_on():
            break
        in_vain += 1
        for pid, began, queryid, text in connection.execute(query, {"queryids": wanted}).fetchall():
            texts = found.setdefault(queryid, {})
            if (pid, began) not in texts:
                texts[pid, began] = text
                in_vain = 0
        pause.wait(_PAUSE)
    return {queryid: list(texts.values()) for queryid, texts in found.items()}
