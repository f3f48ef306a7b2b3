"""TPC-H: a set really built, against what was promised: size, planner cost, execution."""

from __future__ import annotations

import sys
import time
from typing import Any

import psycopg

from benchmarks.advisor.judge import judged, plain, planned, turned
from benchmarks.advisor.workloads import tpch
from observer.advisor.advise import advise
from observer.advisor.request import Request


def measured(connection: psycopg.Connection[Any], texts: list[str], *, run: bool) -> tuple[float, float, int]:
    """Summed planner cost, seconds of the second run, and buffers of it; 0 where nothing is run."""
    cost, seconds, buffers = 0.0, 0.0, 0
    for text in texts:
        if not run:
            cost += planned(connection, text)
            continue
        for turn in (1, 2):
            begun = time.monotonic()
            row = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {text}".encode()).fetchone()
            assert row is not None
            if turn == 2:
                plan = row[0][0]["Plan"]
                seconds += time.monotonic() - begun
                buffers += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
                cost += plan["Total Cost"]
    return cost, seconds, buffers


def main(dsn: str, budget: str = "400MB", how: str = "run") -> None:
    """Advise, run, build, run, drop; print what came of it. With ``plan`` nothing is executed."""
    run = how == "run"
    texts = list(tpch().texts.values())
    report = advise(
        Request(dsn=dsn, workload=";\n".join(texts), budget=budget, partial="none", thrift=0, deadline=120)
    )
    with psycopg.connect(dsn, autocommit=True) as connection:
        promised, hypopg, _ = judged(dsn, turned(dsn, texts), plain(report))
        before = measured(connection, texts, run=run)
        begun = time.monotonic()
        try:
            for statement in report.recommendations:
                connection.execute(statement.ddl.replace("INDEX CONCURRENTLY ", "INDEX ").encode())
            built = time.monotonic() - begun
            connection.execute("VACUUM ANALYZE")
            real = 0
            for item in report.recommendations:
                row = connection.execute("SELECT pg_relation_size(%s::regclass)", (item.name,)).fetchone()
                real += row[0] if row else 0
            after = measured(connection, texts, run=run)
        finally:
            for item in report.recommendations:
                connection.execute(f"DROP INDEX IF EXISTS {item.name}".encode())
    print(f"{len(report.recommendations)} indexes, built in {built:.0f} s")
    print(
        f"size: promised {report.size / 1e6:.0f} MB, real {real / 1e6:.0f} MB, HypoPG {hypopg / 1e6:.0f} MB"
    )
    print(f"planner cost left: promised {promised:.4f}, with real indexes {after[0] / before[0]:.4f}")
    print(f"promised by the report itself {report.cost_left:.4f}")
    if run:
        print(f"seconds {before[1]:.1f} to {after[1]:.1f}, buffers left {after[2] / before[2]:.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:4])
