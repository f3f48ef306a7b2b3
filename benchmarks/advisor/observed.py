"""TPC-H, all 22 queries weighed by the time that each took; and the same as pg_stat_statements keeps them."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import postgast
import psycopg

from benchmarks.advisor.judge import judged_each, plain, turned
from benchmarks.advisor.workloads import queries
from observer.advisor.advise import advise
from observer.advisor.request import KeptEntry, KeptSample, Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from observer.advisor.report import IndexReport

_MOST_SECONDS = 60
_DAY = 86_400.0
_BUDGETS = ("500MB", "2GB")


def observed(connection: psycopg.Connection[Any], texts: Mapping[str, str]) -> dict[str, float]:
    """Milliseconds of each query, at most a minute: then it was cut off."""
    spent = {}
    connection.execute(f"SET statement_timeout = '{_MOST_SECONDS}s'".encode())
    for number, text in texts.items():
        begun = time.monotonic()
        try:
            connection.execute(text.encode()).fetchall()
        except psycopg.errors.QueryCanceled:
            print(f"{number} was cut off", file=sys.stderr, flush=True)
        spent[number] = (time.monotonic() - begun) * 1000
    return spent


def advised(dsn: str, texts: Mapping[str, str], spent: Mapping[str, float], budget: str) -> IndexReport:
    """The report on a day in which each query ran once."""
    entries = tuple(
        KeptEntry(queryid=int(number), text=text, calls=1, total_ms=spent[number])
        for number, text in texts.items()
    )
    return advise(
        Request(
            dsn=dsn,
            before=KeptSample(at=0.0, entries=()),
            after=KeptSample(at=_DAY, entries=entries),
            budget=budget,
            partial="none",
            deadline=300,
        )
    )


def main(dsn: str, times: str) -> None:
    """Measure once and keep the times; advise on constants and on parameters; judge both on the constants."""
    texts = queries()
    kept = Path(times)
    if not kept.exists():
        with psycopg.connect(dsn, autocommit=True) as connection:
            kept.write_text(json.dumps(observed(connection, texts)), encoding="utf-8")
    spent = json.loads(kept.read_text(encoding="utf-8"))
    asked_of_judge = turned(dsn, list(texts.values()))
    normalised = {number: postgast.normalize(text) for number, text in texts.items()}
    print("| budget | texts with | indexes | MB | promised left | judged left | EXPLAINs | not priced |")
    print("|---|---|---|---|---|---|---|---|")
    for budget in _BUDGETS:
        found = {}
        for kind, asked in (("constants", texts), ("parameters", normalised)):
            report = advised(dsn, asked, spent, budget)
            found[kind] = {item.ddl for item in report.recommendations}
            pairs = judged_each(dsn, asked_of_judge, plain(report))
            left = sum(spent[number] * pair[1] / pair[0] for number, pair in zip(texts, pairs, strict=True))
            print(
                f"| {budget} | {kind} | {len(report.recommendations)} | {report.size / 1e6:.0f}"
                f" | {report.cost_left:.3f} | {left / sum(spent.values()):.3f} | {report.run.explains}"
                f" | {len(report.unpriced)} |",
                flush=True,
            )
        both = found["constants"] & found["parameters"]
        print(f"{budget}: {len(both)} indexes in both sets", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:3])
