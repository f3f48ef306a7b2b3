"""The figures as a Markdown table and as JSON."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.exporter.rounds import Tally


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one contestant; times in milliseconds, per scrape or per collection."""

    name: str
    watched: str
    scrapes: int
    collections: int
    series: int
    series_shared: int
    """Series of the families that every contestant for the same server has."""
    page_kb: float
    wire_kb: float
    wall_median: float
    wall_p90: float
    age_median: float
    exporter_cpu: float
    server_cpu: float
    resident_mb: float
    peak_mb: float


def rows(tallies: Sequence[Tally]) -> list[Row]:
    """The figures of everybody."""
    found = []
    for tally in tallies:
        page = tally.page
        if page is None:
            continue
        counts = series_by_family(page.body)
        rivals = [
            set(series_by_family(other.page.body))
            for other in tallies
            if other.page is not None and other.contestant.watched == tally.contestant.watched
        ]
        shared = set.intersection(*rivals)
        found.append(
            Row(
                name=tally.contestant.name,
                watched=tally.contestant.watched,
                scrapes=len(tally.wall_ms),
                collections=tally.collections,
                series=sum(counts.values()),
                series_shared=sum(count for name, count in counts.items() if name in shared),
                page_kb=len(page.body) / 1000,
                wire_kb=page.wire_bytes / 1000,
                wall_median=statistics.median(tally.wall_ms),
                wall_p90=statistics.quantiles(tally.wall_ms, n=10)[-1],
                age_median=statistics.median(tally.age_ms),
                exporter_cpu=tally.exporter_ms / max(1, tally.collections),
                server_cpu=tally.server_ms / max(1, tally.collections),
                resident_mb=tally.resident_mb,
                peak_mb=tally.peak_mb,
            )
        )
    return found


def series_by_family(body: bytes) -> dict[str, int]:
    """Lines of a page by the name of their metric."""
    counts: dict[str, int] = {}
    for line in body.decode().splitlines():
        if line and not line.startswith("#"):
            name = line[: min(at for at in (line.find("{"), line.find(" ")) if at > 0)]
            counts[name] = counts.get(name, 0) + 1
    return counts


COLUMNS = (
    "scrape ms, median (p90)",
    "age of the numbers ms",
    "exporter CPU ms",
    "{} CPU ms",
    "resident MB (peak)",
    "series (shared)",
    "page kB (gzip)",
)


def markdown(found: Sequence[Row]) -> str:
    """Two tables, one for each kind of server."""
    parts = []
    for watched, title in (("postgres", "PostgreSQL"), ("redis", "Redis")):
        parts += [
            f"| {title} | {' | '.join(COLUMNS).format(title)} |",
            "|---|--:|--:|--:|--:|--:|--:|--:|",
        ]
        parts += [
            f"| {row.name} | {row.wall_median:.1f} ({row.wall_p90:.1f}) | {row.age_median:.0f} "
            f"| {row.exporter_cpu:.1f} | {row.server_cpu:.1f} | {row.resident_mb:.0f} ({row.peak_mb:.0f}) "
            f"| {row.series:,} ({row.series_shared:,}) | {row.page_kb:,.0f} ({row.wire_kb:,.0f}) |"
            for row in found
            if row.watched == watched
        ]
        parts.append("")
    return "\n".join(parts)


def document(found: Sequence[Row], machine: Mapping[str, object]) -> dict[str, object]:
    """Everything, to be written as JSON."""
    return {"machine": machine, "rows": [asdict(row) for row in found]}
