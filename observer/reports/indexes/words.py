"""Numbers of an index report as people say them; every form uses the same words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from observer.advisor.budget import in_words

if TYPE_CHECKING:
    from observer.advisor.report import IndexReport, Recommendation, Served

__all__ = ["cost_line", "evidence", "headline", "in_words", "moment", "share", "span", "upkeep_line"]


_EVIDENCE = {"planner": "the planner's estimate", "sample": "verified on a sample"}


_LEAST_MS = 0.01


def evidence(item: Recommendation) -> str:
    """What a recommendation rests on."""
    return _EVIDENCE.get(item.evidence, item.evidence)


def moment(at: float) -> str:
    """A time of day with its date, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def share(part: float) -> str:
    """A share as a percentage with as many digits as it deserves."""
    percent = part * 100
    if percent <= 0:
        return "0 %"
    if percent >= 10:
        return f"{percent:.0f} %"
    return f"{percent:.1f} %" if percent >= 0.1 else "under 0.1 %"


def span(seconds: float) -> str:
    """A length of time."""
    for length, word in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {word}"
    return f"{seconds:.0f} seconds"


def headline(report: IndexReport) -> str:
    """The report in one sentence."""
    count = len(report.recommendations)
    if not count:
        return f"Nothing to build in {report.database}: {report.nothing_because}"
    what = "1 index" if count == 1 else f"{count} indexes"
    measure = "time" if report.timed else "weighted planner cost"
    return (
        f"Build {what} in {report.database}, {in_words(report.size)} in all: by the planner's estimate that"
        f" saves {share(max(0.0, 1 - report.cost_left))} of the workload's {measure}"
    )


def cost_line(served: Served) -> str:
    """The planner's cost of a statement before and after, and at which values if not at typical ones."""
    values = f" with {served.values}" if served.values else ""
    return f"cost {served.cost_before:,.0f} to {served.cost_after:,.0f}{values}"


def upkeep_line(item: Recommendation) -> str:
    """What an index costs the writers."""
    if item.writes_per_second <= 0:
        return "no writes were seen on its table"
    line = f"{item.writes_per_second:,.2g} new entries a second,"
    ms = item.upkeep_ms_per_second
    line += f" about {ms:,.2g} ms of each second" if ms >= _LEAST_MS else " under 0.01 ms of each second"
    if item.hot_lost_per_second > 0:
        line += f"; {item.hot_lost_per_second:,.2g} updates a second would no longer be heap-only"
    return line
