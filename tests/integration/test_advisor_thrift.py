"""What thrift strikes out makes room for something else, and it strikes nothing that searches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from observer.advisor.advise import advise
from observer.advisor.request import Request

if TYPE_CHECKING:
    from observer.advisor.report import IndexReport
    from observer.demo.servers import PostgresServer

DATABASE = "advised_thriftily"


@pytest.fixture(scope="module")
def database(postgres: PostgresServer, hypopg: None) -> str:  # noqa: ARG001 - it is there
    """Two tables: bills with some columns, and a smaller one."""
    postgres.create_database(DATABASE, extensions=("hypopg",))
    with psycopg.connect(postgres.dsn(DATABASE), autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE bills (id integer PRIMARY KEY, kind integer, total integer, day integer,"
            " rest text);"
            "INSERT INTO bills SELECT n, n % 7, n % 1000, n % 365, repeat('x', 240)"
            " FROM generate_series(1, 60000) n;"
            "CREATE TABLE notes (id integer PRIMARY KEY, bill integer, rest text);"
            "INSERT INTO notes SELECT n, n % 5000, repeat('x', 100) FROM generate_series(1, 20000) n"
        )
        connection.execute("VACUUM ANALYZE")
    return postgres.dsn(DATABASE)


def advised(dsn: str, workload: str, **more: str | float) -> IndexReport:
    return advise(Request.model_validate({"dsn": dsn, "workload": workload, "deadline": 30, **more}))


def definitions(report: IndexReport) -> list[str]:
    return [item.ddl.split(" ON ", 1)[1] for item in report.recommendations]


def test_what_is_struck_out_makes_room(database: str) -> None:
    """A narrow copy of one table takes the whole budget and cannot be defended; the next best comes in."""
    workload = (
        "-- weight: 20\nselect kind, sum(total) from bills group by kind;"
        "-- weight: 1\nselect * from notes where bill = 7"
    )
    greedy = advised(database, workload, budget="1500kB", thrift=0)
    assert definitions(greedy) == ["public.bills (kind) INCLUDE (total)"]
    thrifty = advised(database, workload, budget="1500kB")
    assert definitions(thrifty) == ["public.notes (bill)"]
    reasons = {item.definition.split(" ON ", 1)[1]: item.reason for item in thrifty.rejected}
    assert "much cheaper" in reasons["public.bills (kind) INCLUDE (total)"]


def test_an_index_that_is_read_for_a_span_does_not_merely_cover_the_key_in_it(database: str) -> None:
    """The key of the table in second place gives the order; the days in first place are searched."""
    workload = (
        "-- weight: 1\nselect id, total from bills where day < 9 order by day, id;"
        "-- weight: 30\nselect count(*) from bills where rest like '%y'"
    )
    assert definitions(advised(database, workload)) == ["public.bills (day, id) INCLUDE (total)"]
