"""The statements that take the most time of all, since Observer was started."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from observer.reports.numbers import Numbers, read_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observer.exporter.declaration import Family

STATEMENTS = 5
"""Statements that are told of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """A statement and its part of the time that all take, since Observer was started."""

    text: str
    database: str
    user: str
    share: float
    calls: float
    mean_seconds: float


def busiest(families: Sequence[Family]) -> tuple[Busy, ...]:
    """The statements that take the most time, the dearest first."""
    numbers = Numbers(families)
    seconds: dict[tuple[str, str, str], float] = defaultdict(float)
    for body, value in numbers.of("pg_stat_statements_seconds_total"):
        seconds[_key(body)] += value
    whole = sum(seconds.values())
    if whole <= 0:
        return ()
    calls = {_key(body): value for body, value in numbers.of("pg_stat_statements_calls_total")}
    texts = {
        labels["queryid"]: labels.get("query", "")
        for labels in (read_labels(body) for body, _ in numbers.of("pg_stat_statements_query_id"))
    }
    ranked = sorted(
        ((took, key) for key, took in seconds.items() if took > 0 and key[2] != "other"), reverse=True
    )
    return tuple(
        Busy(
            text=texts.get(queryid) or f"queryid {queryid}",
            database=database,
            user=user,
            share=took / whole,
            calls=calls.get((database, user, queryid), 0.0),
            mean_seconds=took / max(1.0, calls.get((database, user, queryid), 0.0)),
        )
        for took, (database, user, queryid) in ranked[:STATEMENTS]
    )


def _key(body: str) -> tuple[str, str, str]:
    labels = read_labels(body)
    return labels.get("datname", ""), labels.get("user", ""), labels.get("queryid", "")
