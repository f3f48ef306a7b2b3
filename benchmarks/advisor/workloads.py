"""The workloads that advice is measured on: TPC-H's queries, and TPC-DS's as DuckDB has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from benchmarks.advisor.judge import planned

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).parent
TPCH = HERE / "tpch-queries"
TPCDS = Path(".cache/tpcds/queries")

LEFT_OUT = ("02", "17", "20")
"""Of TPC-H, as in published comparisons: their estimates dwarf all others, a sum would be theirs alone."""

DWARFS = 0.25
"""Share of the summed cost from which on one query dwarfs the others."""

PLANNED_WITHIN = "5s"
"""A query whose planning takes longer is left out: questions about it would be all that is timed."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Queries by number, and those that are left out with the reason."""

    texts: Mapping[str, str]
    left_out: Mapping[str, str] = field(default_factory=dict)


def queries(folder: Path = TPCH) -> dict[str, str]:
    """All queries of a folder, by number."""
    found = sorted(folder.glob("*.sql"))
    return {path.stem: path.read_text(encoding="utf-8").strip().rstrip(";") for path in found}


def tpch() -> Workload:
    """TPC-H without the three."""
    texts = {number: text for number, text in queries().items() if number not in LEFT_OUT}
    return Workload(texts, dict.fromkeys(LEFT_OUT, "dwarfs the rest"))


def tpcds(dsn: str, folder: Path = TPCDS) -> Workload:
    """Of TPC-DS what PostgreSQL plans as it is, and what does not dwarf the rest."""
    texts = queries(folder)
    costs, left_out = {}, {}
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"SET statement_timeout = '{PLANNED_WITHIN}'".encode())
        for number, text in texts.items():
            try:
                costs[number] = planned(connection, text)
            except psycopg.Error as error:
                left_out[number] = str(error).splitlines()[0]
    left_out |= dwarfing(costs)
    return Workload({number: texts[number] for number in costs if number not in left_out}, left_out)


def dwarfing(costs: Mapping[str, float]) -> dict[str, str]:
    """Those that alone make over a quarter of the cost of all that are left, the dearest first."""
    found: dict[str, str] = {}
    rest = sum(costs.values())
    for number, cost in sorted(costs.items(), key=lambda item: -item[1]):
        if cost <= DWARFS * rest:
            break
        found[number] = f"{cost / rest:.1%} of the cost of those that are left"
        rest -= cost
    return found
