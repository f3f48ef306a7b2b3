"""Workload cost left by the sets of Observer and its peers at several budgets, judged apart from them all."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import psycopg

from benchmarks.advisor import workloads
from benchmarks.advisor.db2advis import db2advis
from benchmarks.advisor.extend import extend
from benchmarks.advisor.judge import Picked, judged, plain, turned
from benchmarks.advisor.spent import Spent, spent
from observer.advisor.advise import advise
from observer.advisor.budget import parse_budget
from observer.advisor.request import Request

if TYPE_CHECKING:
    from benchmarks.advisor.workloads import Workload

BUDGETS = {"tpch": ("500000000", "942000000", "5000000000"), "tpcds": ("10%", "25%", "100%")}
"""Bytes, or shares of the tables."""

PREDICATES = {"nulls": "Observer", "none": "Observer, no predicates"}
HEADER = (
    "budget",
    "advisor",
    "cost left",
    "MB",
    "indexes",
    "worst",
    "EXPLAINs",
    "CPU s",
    "server's CPU s",
    "seconds",
)
PEERS: dict[str, Callable[[str, Sequence[str], int], Picked]] = {
    "extend": extend,
    "extend-3": partial(extend, width=3),
    "extend-twins": partial(extend, twins=True),
    "db2advis": db2advis,
    "db2advis-3": partial(db2advis, width=3),
    "singles": partial(db2advis, width=1),
}
_DEADLINE = 600.0
SEARCH_SHARE = 0.85
"""Of the deadline: the search ends then, and the rest is for checking the set and the report."""

Advisor = Callable[[int], Picked]
"""From bytes to a set."""


@dataclass(frozen=True, slots=True)
class Result:
    """One run of one advisor."""

    left: float
    megabytes: float
    worst: float
    indexes: int
    explains: int
    took: Spent


def observer(
    dsn: str, texts: Sequence[str], budget: int, *, predicates: str, deadline: float = _DEADLINE
) -> Picked:
    """Observer's advice, with sizes as HypoPG has them and nothing given away for smaller indexes."""
    report = advise(
        Request.model_validate(
            {
                "dsn": dsn,
                "workload": ";\n".join(texts),
                "budget": f"{budget}B",
                "size_model": "hypopg",
                "partial": predicates,
                "least_gain": 0.0,
                "thrift": 0.0,
                "deadline": deadline,
            }
        )
    )
    for one in report.unpriced:
        print(f"not priced: {one.reason}: {one.text[:60]}", file=sys.stderr, flush=True)
    if not report.run.finished:
        print(f"not finished within {deadline:.1f} s", file=sys.stderr, flush=True)
    return Picked(tuple(plain(report)), report.run.explains)


def advisors(arguments: argparse.Namespace, given: Workload, asked: Sequence[str]) -> dict[str, Advisor]:
    """Those that were chosen, by name."""
    dsn = arguments.dsn
    found: dict[str, Advisor] = {
        PREDICATES[kind]: partial(observer, dsn, list(given.texts.values()), predicates=kind)
        for kind in arguments.predicates
    }
    return found | {name: partial(PEERS[name], dsn, asked) for name in arguments.peers}


def measured(name: str, advisor: Advisor, dsn: str, asked: Sequence[str], budget: int) -> Result:
    """Run it, then judge its set; only the run is timed."""
    with spent(dsn) as took:
        picked = advisor(budget)
    left, size, worst = judged(dsn, asked, picked.definitions)
    found = Result(left, size / 1e6, worst, len(picked.definitions), picked.explains, took)
    print(name, found, file=sys.stderr, flush=True)
    return found


def row(budget: int, name: str, runs: Sequence[Result]) -> str:
    """Medians of the runs; of the cost left also the range where it varies."""
    left = sorted(run.left for run in runs)
    varies = f" ({left[0]:.4f}-{left[-1]:.4f})" if left[-1] - left[0] > 0.00005 else ""
    cells = (
        f"{budget / 1e6:.0f} MB",
        name,
        f"{median(left):.4f}{varies}",
        f"{median(run.megabytes for run in runs):.0f}",
        f"{median(run.indexes for run in runs):.0f}",
        f"{max(run.worst for run in runs):.3f}",
        f"{median(run.explains for run in runs):,.0f}",
        f"{median(run.took.client for run in runs):.1f}",
        f"{median(run.took.server for run in runs):.1f}",
        f"{median(run.took.clock for run in runs):.1f}",
    )
    return f"| {' | '.join(cells)} |"


def main(arguments: argparse.Namespace) -> None:
    """Print the table."""
    dsn = arguments.dsn
    given = workloads.tpch() if arguments.workload == "tpch" else workloads.tpcds(dsn, arguments.queries)
    print(f"{len(given.texts)} queries; left out: {dict(given.left_out)}", file=sys.stderr, flush=True)
    asked = turned(dsn, list(given.texts.values()))
    chosen = advisors(arguments, given, asked)
    print(f"| {' | '.join(HEADER)} |")
    print("|---|---|" + "--:|" * (len(HEADER) - 2))
    for text in arguments.budgets or BUDGETS[arguments.workload]:
        budget = parse_budget(text, size_of_tables(dsn))
        runs: dict[str, list[Result]] = {name: [] for name in chosen}
        for turn in range(arguments.rounds):
            for name in list(chosen)[:: 1 if turn % 2 == 0 else -1]:
                runs[name].append(measured(name, chosen[name], dsn, asked, budget))
        if "extend" in runs:
            runs |= in_time(runs, arguments, given, asked, budget)
        for name, results in runs.items():
            print(row(budget, name, results), flush=True)


def in_time(
    runs: Mapping[str, Sequence[Result]],
    arguments: argparse.Namespace,
    given: Workload,
    asked: Sequence[str],
    budget: int,
) -> dict[str, list[Result]]:
    """Observer again where it took longer, with a deadline that ends its search when Extend was done."""
    seconds = median(run.took.clock for run in runs["extend"])
    found = {}
    for kind in arguments.predicates:
        name = PREDICATES[kind]
        if median(run.took.clock for run in runs[name]) > seconds:
            hurried = partial(
                observer,
                arguments.dsn,
                list(given.texts.values()),
                predicates=kind,
                deadline=seconds / SEARCH_SHARE,
            )
            name += ", in Extend's time"
            found[name] = [
                measured(name, hurried, arguments.dsn, asked, budget) for _ in range(arguments.rounds)
            ]
    return found


def size_of_tables(dsn: str) -> int:
    """Bytes of the tables alone."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        [(size,)] = connection.execute(
            "SELECT sum(pg_catalog.pg_table_size(oid))::bigint FROM pg_catalog.pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
    return int(size)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn")
    parser.add_argument("--workload", choices=BUDGETS, default="tpch")
    parser.add_argument("--queries", type=Path, default=workloads.TPCDS, help="TPC-DS's, a folder")
    parser.add_argument("--budgets", nargs="+", help="bytes with a unit, or shares of the tables (25%%)")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=["extend", "db2advis", "singles"])
    parser.add_argument("--predicates", nargs="*", choices=PREDICATES, default=list(PREDICATES))
    parser.add_argument("--rounds", type=int, default=3)
    main(parser.parse_args())
