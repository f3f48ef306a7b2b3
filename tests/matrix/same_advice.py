"""The advice on one sample and one workload is the same from two versions of PostgreSQL and of HypoPG.

HypoPG 1.4 hides indexes and 1.3 cannot, and planners differ in their costs; what to build must not. Run by
the matrix, which has two servers; pytest does not find this file by itself.
"""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from observer.advisor.advise import advise
from observer.advisor.request import KeptEntry, KeptSample, Request
from observer.demo.sample import load_sample
from observer.demo.servers import PostgresServer, ordinary_account, private_directory
from observer.demo.servers.postgres import newest_bin_dir
from observer.demo.workload.endpoints import ENDPOINTS

if TYPE_CHECKING:
    from observer.advisor.report import IndexReport

DATABASE = "advised_twice"
SCALE = 0.05
CALLS = 50
"""Of each endpoint, times its weight."""

WITHOUT_CHANCE = {"autovacuum": "off", "default_statistics_target": "1000"}
"""Statistics of all rows, and a visibility map that does not depend on who was quicker."""


def workload() -> KeptSample:
    """What the service asks in a minute, each call a millisecond: measured times would differ by chance."""
    entries = []
    for number, endpoint in enumerate(ENDPOINTS, 1):
        names: list[str] = []

        def place(match: re.Match[str], names: list[str] = names) -> str:
            if match[1] not in names:
                names.append(match[1])
            return f"${names.index(match[1]) + 1}"

        calls = round(CALLS * endpoint.weight)
        text = re.sub(r"%\((\w+)\)s", place, endpoint.sql)
        entries.append(KeptEntry(queryid=number, text=text, calls=calls, total_ms=calls, rows=calls))
    return KeptSample(at=60, entries=tuple(entries))


@pytest.fixture(scope="module")
def reports() -> dict[str, IndexReport]:
    """By version: of the installed server, and of the one that the matrix brings."""
    found = {}
    with ExitStack() as stack:
        root = stack.enter_context(private_directory(account=ordinary_account()))
        for bin_dir in (newest_bin_dir(), Path(os.environ["OBSERVER_TEST_POSTGRES_BIN"])):
            server = PostgresServer.create(
                root / f"postgres-{len(found)}", bin_dir=bin_dir, settings=WITHOUT_CHANCE
            )
            stack.enter_context(server)
            server.create_database(DATABASE, extensions=("pg_stat_statements", "hypopg"))
            load_sample(lambda server=server: server.connect(DATABASE), scale=SCALE)
            with server.connect(DATABASE) as connection:
                connection.execute("VACUUM (FREEZE, ANALYZE)")
                [(extension,)] = connection.execute(
                    "SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'hypopg'"
                ).fetchall()
            version = f"PostgreSQL {server.version}, HypoPG {extension}"
            found[version] = advise(
                Request(
                    dsn=server.dsn(DATABASE),
                    before=KeptSample(at=0, entries=()),
                    after=workload(),
                    deadline=120,
                )
            )
    return found


def test_two_versions_are_compared(reports: dict[str, IndexReport]) -> None:
    """HypoPG before and after it learnt to hide indexes."""
    hides = {version: tuple(map(int, version.rpartition(" ")[2].split("."))) >= (1, 4) for version in reports}
    assert sorted(hides.values()) == [False, True], hides


def test_the_same_indexes_are_recommended(reports: dict[str, IndexReport]) -> None:
    """Index for index; where they are not, the failure shows what each saves on either server."""
    first, second = (
        {item.ddl.split(" ON ", 1)[1]: f"saves {item.saved:.2%}" for item in report.recommendations}
        for report in reports.values()
    )
    assert first
    differences = {
        index: dict(zip(reports, (first.get(index, "-"), second.get(index, "-")), strict=True))
        for index in first.keys() ^ second.keys()
    }
    assert differences == {}


def test_every_statement_is_priced_on_both(reports: dict[str, IndexReport]) -> None:
    """Neither the generic plans of 16 nor the statements of a version are beyond it."""
    assert {version: report.unpriced for version, report in reports.items()} == dict.fromkeys(reports, ())


def test_the_same_is_a_hypothesis(reports: dict[str, IndexReport]) -> None:
    """What no HypoPG can price is proposed by both alike."""
    first, second = ({item.ddl for item in report.hypotheses} for report in reports.values())
    assert first == second
