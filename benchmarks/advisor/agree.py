"""TPC-H: what two versions of PostgreSQL recommend, each set judged on both; and what chance does."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

from benchmarks.advisor import load
from benchmarks.advisor.judge import judged_each, plain, turned
from benchmarks.advisor.workloads import tpch
from observer.advisor.advise import advise
from observer.advisor.request import Request
from observer.demo.servers import PostgresServer, ordinary_account, private_directory
from observer.demo.servers.postgres import newest_bin_dir
from tests.matrix import debian
from tests.matrix.cache import cache_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

BUDGETS = (30, 60, 120, 300)
SETTINGS = {
    "shared_buffers": "256MB",
    "effective_cache_size": "8GB",
    "work_mem": "64MB",
    "maintenance_work_mem": "256MB",
    "random_page_cost": "1.1",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "autovacuum": "off",
}
ALL_ROWS = 2010
"""Statistics target with which ANALYZE reads 603,000 rows: all of them, up to scale factor 0.1."""

UNREAD = {
    "lineitem": "l_comment",
    "orders": "o_clerk",
    "customer": "c_address",
    "part": "p_comment",
    "partsupp": "ps_comment",
    "supplier": "s_address",
}
"""Columns that no query compares: the target of one sets how many rows are read for all of its table."""


@dataclass(frozen=True, slots=True)
class Database:
    """One of those that are advised on."""

    name: str
    dsn: str
    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Advice:
    """Definitions of a set, and what is left of the workload's cost with it on each of the databases."""

    definitions: frozenset[str]
    megabytes: float
    left: Sequence[float]


def databases(stack: ExitStack, folder: str) -> Iterator[Database]:
    """Both versions with statistics of all rows; and the first one again with ANALYZE's own sample."""
    root = stack.enter_context(private_directory(account=ordinary_account()))
    fetched = debian.postgres_bin_dir(debian.fetch(cache_folder()))
    for number, bin_dir in enumerate((newest_bin_dir(), fetched)):
        server = PostgresServer.create(root / str(number), bin_dir=bin_dir, settings=SETTINGS)
        stack.enter_context(server)
        version = f"{server.version} with HypoPG {loaded(server, 'all', folder)}"
        yield described(version, server.dsn("all"))
        if number == 0:
            loaded(server, "sampled", folder)
            yield described(f"{server.version}, sampled", server.dsn("sampled"))


def loaded(server: PostgresServer, name: str, folder: str) -> str:
    """A database filled with the tables; HypoPG's version."""
    server.create_database(name, extensions=("hypopg",))
    load.main(server.dsn(name), folder)
    with server.connect(name) as connection:
        if name == "all":
            for table, column in UNREAD.items():
                connection.execute(
                    sql.SQL("ALTER TABLE {} ALTER {} SET STATISTICS {}").format(
                        sql.Identifier(table), sql.Identifier(column), sql.Literal(ALL_ROWS)
                    )
                )
        # A COPY into 16 and later leaves empty pages at the end, which the second VACUUM cuts off.
        connection.execute("VACUUM ANALYZE")
        [(version,)] = connection.execute(
            "SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'hypopg'"
        ).fetchall()
    return str(version)


def described(name: str, dsn: str) -> Database:
    return Database(name, dsn, turned(dsn, list(tpch().texts.values())))


def advised(database: Database, judges: Sequence[Database], megabytes: int, **how: float) -> Advice:
    """Ask in one of them, judge in all."""
    report = advise(
        Request.model_validate(
            {
                "dsn": database.dsn,
                "workload": ";\n".join(database.texts),
                "budget": f"{megabytes}MB",
                "partial": "none",
                "deadline": 600,
                **how,
            }
        )
    )
    left = []
    for judge in judges:
        pairs = judged_each(judge.dsn, list(judge.texts), plain(report))
        left.append(sum(after for _, after in pairs) / sum(before for before, _ in pairs))
    found = frozenset(item.ddl.split(" ON ", 1)[1] for item in report.recommendations)
    return Advice(found, report.size / 1e6, left)


def main(folder: str | Path, budgets: Sequence[int]) -> None:
    """Print the table."""
    with ExitStack() as stack:
        known = list(databases(stack, str(folder)))
        print("| thrift | budget MB | advised on | indexes | MB | as on the first |", end="")
        print("".join(f" cost left on {judge.name} |" for judge in known))
        print("|---|--:|---|--:|--:|--:|" + "--:|" * len(known))
        for word, how in (("yes", {}), ("no", {"thrift": 0.0, "least_gain": 0.0})):
            for megabytes in budgets:
                sets = [advised(one, known, megabytes, **how) for one in known]
                for one, found in zip(known, sets, strict=True):
                    same = len(found.definitions & sets[0].definitions)
                    print(
                        f"| {word} | {megabytes} | {one.name} | {len(found.definitions)}"
                        f" | {found.megabytes:.0f} | {same} |"
                        + "".join(f" {left:.4f} |" for left in found.left),
                        flush=True,
                    )


if __name__ == "__main__":
    main(sys.argv[1], [int(given) for given in sys.argv[2:]] or BUDGETS)
