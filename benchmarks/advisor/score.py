"""TPC-H: workload cost left by the advisor's sets at several budgets, judged apart from the advisor."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from observer.advisor.advise import advise
from observer.advisor.facts.reader import read_schema
from observer.advisor.request import Request
from observer.advisor.shapes import shape_of

if TYPE_CHECKING:
    from observer.advisor.report import IndexReport

HERE = Path(__file__).parent
LEFT_OUT = ("02", "17", "20")  # their estimates dwarf all others: a sum of costs would be theirs alone
BUDGETS = (500_000_000, 942_000_000, 5_000_000_000)
PEERS = {500_000_000: "0.689 Extend", 942_000_000: "0.572 union of singles", 5_000_000_000: "0.494 DB2Advis"}


def queries() -> dict[str, str]:
    """The workload, by number."""
    found = sorted((HERE / "tpch-queries").glob("*.sql"))
    return {path.stem: path.read_text(encoding="utf-8").strip().rstrip(";") for path in found}


def judged(dsn: str, texts: list[str], definitions: list[str]) -> tuple[float, int, float]:
    """Cost after over before with twins of the primary keys in both, HypoPG's bytes, the worst statement."""
    pairs = judged_each(dsn, texts, definitions)
    left = sum(after for _, after in pairs) / sum(before for before, _ in pairs)
    return left, size_of(dsn, definitions), max(after / before for before, after in pairs)


def judged_each(dsn: str, texts: list[str], definitions: list[str]) -> list[tuple[float, float]]:
    """Cost of each statement before and after, with twins of the primary keys in both."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        twins = connection.execute(
            "SELECT pg_get_indexdef(indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
            " WHERE c.relnamespace = 'public'::regnamespace"
        ).fetchall()
        for (definition,) in twins:
            connection.execute("SELECT * FROM hypopg_create_index(%s)", (definition,))
        before = [planned(connection, text) for text in texts]
        for definition in definitions:
            connection.execute("SELECT * FROM hypopg_create_index(%s)", (definition,))
        return list(zip(before, [planned(connection, text) for text in texts], strict=True))


def size_of(dsn: str, definitions: list[str]) -> int:
    """Bytes by HypoPG's own estimate."""
    size = 0
    with psycopg.connect(dsn, autocommit=True) as connection:
        for definition in definitions:
            row = connection.execute(
                "SELECT hypopg_relation_size(indexrelid) FROM hypopg_create_index(%s)", (definition,)
            ).fetchone()
            size += row[0] if row else 0
    return size


def planned(connection: psycopg.Connection[Any], text: str) -> float:
    """The planner's cost of a statement."""
    row = connection.execute(f"EXPLAIN (FORMAT JSON) {text}".encode()).fetchone()
    assert row is not None
    return float(row[0][0]["Plan"]["Total Cost"])


def plain(report: IndexReport) -> list[str]:
    """Definitions as HypoPG takes them."""
    return [item.ddl.replace("INDEX CONCURRENTLY ", "INDEX ") for item in report.recommendations]


def main(dsn: str) -> None:
    """Print the table."""
    texts = [text for number, text in queries().items() if number not in LEFT_OUT]
    with psycopg.connect(dsn, autocommit=True) as connection:
        schema = read_schema(connection, ("lineitem", "orders", "part", "customer", "supplier", "partsupp"))
    turned = [shape_of(text, schema).text for text in texts]
    print(
        "| budget | predicates | cost left | best peer | indexes | MB | worst | seconds | CPU s"
        " | EXPLAINs | RSS |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for partial in ("nulls", "none"):
        for budget in BUDGETS:
            begun, busy = time.monotonic(), time.process_time()
            report = advise(
                Request(
                    dsn=dsn,
                    workload=";\n".join(texts),
                    budget=f"{budget}B",
                    size_model="hypopg",
                    partial=partial,
                    least_gain=0.0,
                    thrift=0.0,
                    deadline=120,
                )
            )
            seconds, busy = time.monotonic() - begun, time.process_time() - busy
            left, size, worst = judged(dsn, turned, plain(report))
            kind = "between columns" if partial == "nulls" else "keys and INCLUDE only"
            print(
                f"| {budget // 10**6} MB | {kind} | {left:.4f} | {PEERS[budget]}"
                f" | {len(report.recommendations)}"
                f" | {size / 1e6:.0f} | {worst:.3f} | {seconds:.1f} | {busy:.1f} | {report.run.explains}"
                f" | {report.run.peak_memory / 1e6:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1])
