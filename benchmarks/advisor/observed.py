"""TPC-H, all 22 queries weighed by the time that each took; and the same as pg_stat_statements keeps them.

Built in earnest: the times of all queries before and after.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import postgast
import psycopg
from score import queries

from observer.advisor.advise import advise
from observer.advisor.request import KeptEntry, KeptSample, Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from observer.advisor.report import IndexReport

_MOST_SECONDS = 60
_DAY = 86_400.0


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
            deadline=120,
        )
    )


def main(dsn: str, budget: str = "500MB") -> None:
    """Measure, advise on constants and on parameters, build what the parameters led to, measure again."""
    texts = queries()
    with psycopg.connect(dsn, autocommit=True) as connection:
        before = observed(connection, texts)
        reports = {
            "constants": advised(dsn, texts, before, budget),
            "parameters": advised(
                dsn, {number: postgast.normalize(text) for number, text in texts.items()}, before, budget
            ),
        }
        for kind, report in reports.items():
            print(f"{kind}: {len(report.recommendations)} indexes, {report.size / 1e6:.0f} MB promised,")
            print(f"  cost left {report.cost_left:.4f}, {report.run.explains} EXPLAINs, not priced:")
            print(f"  {[item.reason for item in report.unpriced]}")
        one, other = ({item.ddl for item in report.recommendations} for report in reports.values())
        print(f"the same in both: {len(one & other)}; only one way: {len(one ^ other)}")
        for kind, report in reports.items():
            try:
                for item in report.recommendations:
                    connection.execute("SET statement_timeout = 0")
                    connection.execute(item.ddl.replace("INDEX CONCURRENTLY ", "INDEX ").encode())
                connection.execute("VACUUM ANALYZE")
                after = observed(connection, texts)
            finally:
                connection.execute("SET statement_timeout = 0")
                for item in report.recommendations:
                    connection.execute(f"DROP INDEX IF EXISTS {item.name}".encode())
            print(
                f"built for {kind}: {sum(before.values()) / 1000:.1f} s to {sum(after.values()) / 1000:.1f} s"
            )
            for number in texts:
                print(f"  {number}: {before[number]:,.0f} ms to {after[number]:,.0f} ms", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:3])
