"""The slow log: how long it is, and its newest entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.exporter.declaration import Family, MetricDeclaration, one
from observer.exporter.redis.question import Question

if TYPE_CHECKING:
    from observer.exporter.redis.question import Info, Replies

NAME = "slowlog"


def _metric(name: str, help_: str) -> MetricDeclaration:
    return MetricDeclaration(f"redis_{name}", "gauge", help_, "redis", (), NAME)


LENGTH = _metric("slowlog_length", "Entries in the slow log.")
LAST_ID = _metric("slowlog_last_id", "Id of the newest entry of the slow log.")
SECONDS = _metric(
    "last_slow_execution_duration_seconds", "Seconds that the newest entry of the slow log took."
)


def declared() -> tuple[MetricDeclaration, ...]:
    """Every metric of the slow log."""
    return (LENGTH, LAST_ID, SECONDS)


def question() -> Question:
    """The length, and one entry: its arguments are of no use here, and may be long."""
    return Question(NAME, (("SLOWLOG", "LEN"), ("SLOWLOG", "GET", "1")), _families)


def _families(first: Replies, _: Replies, __: Info) -> list[Family]:
    length, entries = first
    # As upstream: an empty log has the id 0, as its first entry will.
    newest = entries[0] if entries else (0, 0, 0)
    return [
        one(LENGTH, int(length)),
        one(LAST_ID, int(newest[0])),
        one(SECONDS, int(newest[2]) * 1e-6),
    ]
