"""Statements that take more time now than before: one question to Prometheus' history.

Time is compared as seconds of execution per second (the load that a statement puts on the database), which
grows when a statement becomes slower and when it is called more often; both are told apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from observer.deadlines import Deadline
from observer.errors import NotAvailable
from observer.incidents.model import Evidence
from observer.redact import cut
from observer.reports.concerns import LOAD, concerns
from observer.slack.text import duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from observer.incidents.model import Incident
    from observer.targets.prometheus import Point, PrometheusSession

LEAST_ADDED = 0.01
"""Seconds per second that a statement must have gained to be told: one hundredth of a core."""

GROWTH = 1.2
"""How many times the load of before it must have."""

TOLD = 5

_LABELS = "target, user, datname, queryid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """What is compared: rates over ``now`` seconds, with the same ``offset`` seconds ago."""

    now: float = 300.0
    offset: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Slower:
    """A statement whose load has grown.

    Args:
        load: Seconds of execution per second now.
        load_before: The same before; 0 when it was not called.
        mean: Seconds of one call now.
        mean_before: The same before; ``None`` when it was not called.
    """

    target: str
    user: str
    database: str
    queryid: str
    load: float
    load_before: float
    mean: float | None
    mean_before: float | None

    @property
    def added(self) -> float:
        return self.load - self.load_before

    def cause(self) -> str:
        """Which of the two grew, in words."""
        if not self.load_before:
            return "new"
        if self.mean and self.mean_before and self.mean > GROWTH * self.mean_before:
            times = self.mean / self.mean_before
            return (
                f"{times:,.0f} times slower per call" if times >= 10 else f"{times:.1f} times slower per call"
            )
        return "called more often"


def ask(prometheus: PrometheusSession, windows: Windows, deadline: Deadline) -> list[Slower]:
    """The statements whose load grew most, the greatest gain first.

    Raises:
        NotAvailable: Prometheus has no history of statements that is long enough.
        ObserverError: Prometheus does not answer, or refuses.
    """
    now, past = f"[{windows.now:.0f}s]", f"[{windows.now:.0f}s] offset {windows.offset:.0f}s"

    def rates(metric: str, window: str) -> dict[tuple[str, ...], float]:
        # A counter that appeared within the window has no rate before it; absent means not called.
        expression = (
            f"sum by ({_LABELS}) (rate(pg_stat_statements_{metric}_total{{queryid!='other'}}{window}))"
        )
        return _by_statement(prometheus.query(expression, deadline))

    seconds = rates("seconds", now)
    seconds_before = rates("seconds", past) if seconds else {}
    if not seconds:
        raise NotAvailable(
            f"Prometheus at {prometheus.url} has no numbers of statements of the last minutes",
            remedy="Have Prometheus scrape Observer; the start page tells whether statements are counted.",
        )
    if not seconds_before:
        # Compared with nothing, every statement would be new.
        needed = duration(windows.offset + windows.now)
        raise NotAvailable(
            f"Prometheus at {prometheus.url} has no numbers of statements"
            f" from {duration(windows.offset)} ago yet",
            remedy=f"Wait until it has scraped Observer for {needed}, or lower prometheus.compare_with.",
        )
    return compare(
        seconds=seconds,
        calls=rates("calls", now),
        seconds_before=seconds_before,
        calls_before=rates("calls", past),
    )


def compare(
    *,
    seconds: dict[tuple[str, ...], float],
    calls: dict[tuple[str, ...], float],
    seconds_before: dict[tuple[str, ...], float],
    calls_before: dict[tuple[str, ...], float],
) -> list[Slower]:
    """The statements whose load grew, from rates by (target, user, database, queryid)."""
    found = []
    for key, load in seconds.items():
        before = seconds_before.get(key, 0.0)
        if load - before < LEAST_ADDED or load < GROWTH * before:
            continue
        target, user, database, queryid = key
        rate, rate_before = calls.get(key, 0.0), calls_before.get(key, 0.0)
        found.append(
            Slower(
                target=target,
                user=user,
                database=database,
                queryid=queryid,
                load=load,
                load_before=before,
                mean=load / rate if rate else None,
                mean_before=before / rate_before if rate_before else None,
            ),
        )
    return sorted(found, key=lambda statement: (-statement.added, statement.queryid))


class SlowerStatements:
    """Evidence for incidents of the database and its pools: what takes more time now than before.

    Args:
        prometheus: Where the history is.
        windows: What is compared.
        seconds: How long Prometheus may take.
    """

    def __init__(self, prometheus: PrometheusSession, *, windows: Windows, seconds: float = 10.0) -> None:
        self._prometheus = prometheus
        self._windows = windows
        self._seconds = seconds

    def evidence(self, incident: Incident) -> Evidence | None:
        """A table of statements with their texts; ``None`` where statements explain nothing."""
        if not concerns(incident, LOAD):
            return None
        deadline = Deadline(self._seconds, f"asking {self._prometheus.url} for statements")
        try:
            found = ask(self._prometheus, self._windows, deadline)[:TOLD]
        except NotAvailable:
            return None
        if not found:
            return None
        texts = texts_of(self._prometheus, [statement.queryid for statement in found], deadline)
        return to_evidence(found, texts, self._windows)


def texts_of(prometheus: PrometheusSession, queryids: Sequence[str], deadline: Deadline) -> dict[str, str]:
    """Redacted texts by queryid, of those that are exported.

    Raises:
        ObserverError: Prometheus does not answer, or refuses.
    """
    if not queryids:
        return {}
    points = prometheus.query(f"pg_stat_statements_query_id{{queryid=~'{'|'.join(queryids)}'}}", deadline)
    return {point.labels["queryid"]: point.labels.get("query", "") for point in points}


def to_evidence(found: Iterable[Slower], texts: dict[str, str], windows: Windows) -> Evidence:
    """The statements as a table."""
    rows = tuple(
        (
            cut(texts.get(statement.queryid, statement.queryid), 120),
            statement.database,
            f"{statement.load_before * 100:.1f} % → {statement.load * 100:.1f} %",
            f"{_milliseconds(statement.mean_before)} → {_milliseconds(statement.mean)}",
            statement.cause(),
        )
        for statement in found
    )
    return Evidence(
        title="Statements that take more time now than before",
        sentences=(f"Compared: {span(windows)}. Load is time in the database, of one core.",),
        columns=("statement", "database", "load", "mean", "why"),
        rows=rows,
    )


def _by_statement(points: Iterable[Point]) -> dict[tuple[str, ...], float]:
    names = _LABELS.split(", ")
    return {tuple(point.labels.get(name, "") for name in names): point.value for point in points}


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.1f} ms"


def span(windows: Windows) -> str:
    """What is compared with what."""
    return f"the last {duration(windows.now)} with as long a time {duration(windows.offset)} earlier"
