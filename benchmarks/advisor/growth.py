"""How the advisor's run time grows with the number of statements: made-up ones over TPC-H's tables."""

from __future__ import annotations

import random
import sys
import time

from observer.advisor.advise import advise
from observer.advisor.request import Request

COLUMNS = {
    "lineitem": (
        "l_partkey",
        "l_suppkey",
        "l_quantity",
        "l_shipdate",
        "l_shipmode",
        "l_receiptdate",
        "l_returnflag",
    ),
    "orders": ("o_custkey", "o_orderstatus", "o_orderdate", "o_orderpriority", "o_clerk", "o_totalprice"),
    "customer": ("c_nationkey", "c_mktsegment", "c_acctbal", "c_phone", "c_name"),
    "part": ("p_brand", "p_type", "p_size", "p_container", "p_mfgr", "p_retailprice"),
    "partsupp": ("ps_suppkey", "ps_availqty", "ps_supplycost"),
    "supplier": ("s_nationkey", "s_acctbal", "s_name"),
}
JOINS = (
    ("orders", "lineitem", "o_orderkey = l_orderkey"),
    ("customer", "orders", "c_custkey = o_custkey"),
    ("part", "lineitem", "p_partkey = l_partkey"),
    ("part", "partsupp", "p_partkey = ps_partkey"),
    ("supplier", "partsupp", "s_suppkey = ps_suppkey"),
)


def statements(count: int) -> str:
    """That many different statements, the same ones each time."""
    dice = random.Random(7)
    made: dict[str, None] = {}
    while len(made) < count:
        if dice.random() < 0.6:
            table = dice.choice(sorted(COLUMNS))
            source, where, columns = table, [], list(COLUMNS[table])
        else:
            one, other, join = dice.choice(JOINS)
            source, where, columns = f"{one}, {other}", [join], [*COLUMNS[one], *COLUMNS[other]]
        chosen = dice.sample(columns, min(len(columns), dice.randint(1, 3)))
        where += [f"{column} {dice.choice(('=', '=', '=', '>'))} ${n}" for n, column in enumerate(chosen, 1)]
        text = f"SELECT {', '.join(dice.sample(columns, 2))} FROM {source} WHERE {' AND '.join(where)}"
        if dice.random() < 0.4:
            text += f" ORDER BY {dice.choice(columns)} LIMIT 20"
        made[text] = None
    return ";\n".join(made)


def main(dsn: str) -> None:
    """Print the table."""
    print("| statements | seconds | CPU s | EXPLAINs | candidates | indexes | cost left | finished |")
    print("|---|---|---|---|---|---|---|---|")
    for count in map(int, sys.argv[2:] or (20, 100, 500)):
        begun, busy = time.monotonic(), time.process_time()
        report = advise(
            Request(dsn=dsn, workload=statements(count), budget="2GB", deadline=900, most_statements=2000)
        )
        run = report.run
        busy = time.process_time() - busy
        print(
            f"| {report.statements} | {time.monotonic() - begun:.1f} | {busy:.1f} | {run.explains}"
            f" | {run.candidates} | {len(report.recommendations)} | {report.cost_left:.3f}"
            f" | {'yes' if run.finished else 'no'} |",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1])
