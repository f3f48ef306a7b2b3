"""Advice on several databases of one real server: each by itself, in turn, and over few connections."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from observer.app.factory import create_app
from observer.clock import SystemClock
from observer.config.model import Settings
from observer.errors import NotAvailable
from observer.exporter.postgres.databases import Choice
from observer.jobs.advice import Bounds, IndexAdvice
from observer.jobs.job import Done, Run, RunStop
from observer.jobs.samples import StatementSampler
from observer.reports.kept import INDEXES, KeptReport, Reports
from observer.store.store import Store
from observer.targets.postgres import PostgresAddress
from observer.targets.role import role_script
from tests.conditions import wait_for
from tests.integration.serving import served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from observer.demo.servers import PostgresServer

pytestmark = pytest.mark.usefixtures("hypopg")

ROLE = "observer_many"
DATABASES = SHOP, CRM, BARE, DENIED, IDLE, NOSY = tuple(
    f"many_{name}" for name in ("shop", "crm", "bare", "denied", "idle", "nosy")
)
TABLES = {
    SHOP: ("orders", "buyer"),
    CRM: ("letters", "recipient"),
    BARE: ("things", "kind"),
    DENIED: ("secrets", "owner"),
}
BOUNDS = Bounds(window=3_600.0, budget="", max_width=2, deadline=120.0, weigh="calls")

_TOGETHER = b"""
SELECT count(*) FILTER (WHERE a.application_name = 'observer-advisor'),
       count(*) FILTER (WHERE a.application_name LIKE 'observer/%' AND EXISTS (
           SELECT FROM pg_catalog.pg_stat_activity b
            WHERE b.usename = a.usename AND b.application_name = 'observer-advisor'
              AND b.backend_start > a.backend_start))
  FROM pg_catalog.pg_stat_activity a
 WHERE a.usename = 'observer_many'
"""
"""How many connections advise, and how many were opened to sample before those and still stand."""


@pytest.fixture(scope="module")
def databases(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """Databases that lack an index each, one of them HypoPG too, one of them rights; idle ones.

    The extension pg_stat_statements is in the first alone: it has the numbers of all.
    """
    postgres.create_database(SHOP, extensions=("pg_stat_statements", "hypopg"))
    for name in (CRM, DENIED):
        postgres.create_database(name, extensions=("hypopg",))
    for name in (BARE, IDLE, NOSY):
        postgres.create_database(name, extensions=())
    with postgres.connect(SHOP) as connection:
        connection.execute(role_script(ROLE).encode())
    for name, (table, column) in TABLES.items():
        postgres.execute(
            name,
            f"CREATE TABLE public.{table} (id integer, {column} integer, note text)",  # type: ignore[arg-type]  # constants
            f"INSERT INTO public.{table} SELECT n, n % 5000, repeat('x', 40)"  # type: ignore[arg-type]  # constants
            " FROM pg_catalog.generate_series(1, 60000) n",
            f"ANALYZE public.{table}",  # type: ignore[arg-type]  # constants
        )
        if name != DENIED:
            postgres.execute(name, f"GRANT SELECT ON public.{table} TO {ROLE}")  # type: ignore[arg-type]  # constants
    yield postgres
    for name in DATABASES:
        postgres.execute("postgres", f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]  # a constant
    postgres.execute("postgres", f"DROP ROLE {ROLE}")  # type: ignore[arg-type]  # a constant


def use(server: PostgresServer) -> None:
    """Users of all databases but the idle ones, and somebody who only looks into the catalogue of one."""
    for name, (table, column) in TABLES.items():
        with server.connect(name) as connection:
            for number in range(30):
                connection.execute(
                    f"SELECT id, note FROM {table} WHERE {column} = %s".encode(), (number,)
                ).fetchall()
    with server.connect(NOSY) as connection:
        connection.execute("SELECT count(*) FROM pg_catalog.pg_class").fetchall()


def sampler(server: PostgresServer, store: Store, *include: str) -> StatementSampler:
    return StatementSampler(
        target="main",
        address=PostgresAddress.parse(server.dsn(SHOP, user=ROLE), lambda: None),
        choice=Choice(include or ("many_*",)),
        statement_timeout=3.0,
        lock_timeout=0.3,
        store=store,
        clock=SystemClock(),
    )


def run() -> Run:
    return Run(tick=0, stop=RunStop())


@dataclass(slots=True)
class Watched:
    """Most connections of the role that were seen at once."""

    advising: int = 0
    left_open: int = 0
    seen: int = 0


def watched(server: PostgresServer, work: Callable[[], Done]) -> tuple[Done, Watched]:
    """Work, with an eye on the role's connections."""
    over, found = threading.Event(), Watched()

    def look() -> None:
        with server.connect("postgres") as connection:
            while not over.wait(0.02):
                [(advising, left_open)] = connection.execute(_TOGETHER).fetchall()
                found.advising = max(found.advising, advising)
                found.left_open = max(found.left_open, left_open)
                found.seen += 1

    thread = threading.Thread(target=look)
    thread.start()
    try:
        return work(), found
    finally:
        over.set()
        thread.join()


@dataclass(slots=True)
class Told:
    """Two runs of advice, with the indexes that the first one advised built between them."""

    path: Path
    first: Done
    watched: Watched
    sampled: Done
    second: Done
    reports: dict[str, list[KeptReport]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def told(databases: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """What two runs told of all databases."""
    path = tmp_path_factory.mktemp("many") / "observer.db"
    store = Store(path)
    of = sampler(databases, store)
    advice = IndexAdvice(sampler=of, bounds=BOUNDS, store=store, clock=SystemClock())
    of.work(run())
    use(databases)
    first, seen = watched(databases, lambda: advice.work(run()))
    reports = Reports(store=store)
    for name in (SHOP, CRM):
        kept = reports.newest(INDEXES, "main", name)
        for item in kept.document["recommendations"] if kept is not None else ():
            with databases.connect(name) as connection:
                connection.execute(item["ddl"].encode())
    use(databases)
    sampled = of.work(run())
    # What indexes brought is told of windows that began when they were known to stand.
    of.work(run())
    use(databases)
    story = Told(path=path, first=first, watched=seen, sampled=sampled, second=advice.work(run()))
    for one in reports.listed():
        kept = reports.get(one.id)
        if kept is not None:
            story.reports.setdefault(one.database, []).insert(0, kept)
    store.close()
    return story


def relations(kept: KeptReport, key: str = "recommendations") -> list[str]:
    return [item["relation"] for item in kept.document[key]]


def test_each_database_gets_its_own_advice(told: Told) -> None:
    """What one lacks is not said of another; of what was not used, or only looked at, nothing is said."""
    assert set(told.reports) == {SHOP, CRM, BARE}
    assert {name: relations(told.reports[name][0]) for name in (SHOP, CRM)} == {
        SHOP: ["public.orders"],
        CRM: ["public.letters"],
    }
    for name in (SHOP, CRM):
        kept = told.reports[name][0]
        assert kept.document["database"] == kept.database == name
        assert kept.headline.startswith(f"Build 1 index in {name}, ")
        assert name in told.first.sentence
        # The whole schedule counts by calls here.
        assert kept.document["source"] == "two samples of pg_stat_statements, weighed by calls"


def test_what_a_database_lacks_costs_only_itself(told: Told) -> None:
    """Without HypoPG there are hypotheses, without rights there is no report; the job says what to do."""
    assert relations(told.reports[BARE][0], "hypotheses") == ["public.things"]
    fault = told.first.fault
    assert isinstance(fault, NotAvailable)
    assert fault.sentence.startswith(f"database {BARE}: the extension hypopg is not installed")
    assert f"database {DENIED}: no statement of {DENIED} could be priced: " in fault.sentence
    assert fault.sentence.endswith("2 other databases had no fault")
    assert f"then run in {BARE}: CREATE EXTENSION hypopg" in fault.remedy
    assert f'GRANT pg_read_all_data TO "{ROLE}"' in fault.remedy
    assert f"exclude: [{BARE}, {DENIED}]" in fault.remedy


def test_reports_are_compared_with_those_of_their_own_database(told: Told) -> None:
    """Built in two databases, seen by the sample, and resolved in the second report of each."""
    assert told.sampled.fault is None
    assert "2 advised indexes were built" in told.sampled.sentence
    for name, relation in ((SHOP, "public.orders"), (CRM, "public.letters")):
        first, second = told.reports[name]
        assert (first.changes["former"], second.changes["former"]) == (None, first.id)
        assert [(item["relation"], item["why"]) for item in second.changes["resolved"]] == [
            (relation, "built")
        ]
        assert not second.changes["new"]
        [built] = second.changes["built"]
        assert built["relation"] == relation
        assert [effect["calls_after"] > 0 for effect in built["statements"]] == [True]


def test_the_advisor_takes_two_connections_and_no_sample_beside_it(told: Told) -> None:
    """The role may have four in all, and two are the exporter's."""
    assert told.watched.seen > 5
    assert told.watched.advising in (1, 2)
    assert told.watched.left_open == 0


def test_pages_and_documents_tell_databases_apart(told: Told) -> None:
    """The newest report of a database by its name; the start page and the list with all of them."""
    with served(create_app(Settings.model_validate({"store": {"path": str(told.path)}}))) as client:
        wait_for(lambda: client.get("/status.json").json()["store"]["open"], "the store is open")
        for name in (SHOP, CRM, BARE):
            newest = client.get(f"/reports/indexes.json?target=main&database={name}").json()
            assert (newest["database"], newest["id"]) == (name, told.reports[name][-1].id)
            assert f"Index advice for {name}" in client.get(f"/reports/{newest['id']}").text
            assert f"main · {name} ·" in client.get("/reports").text
            assert f"Indexes of main · {name}" in client.get("/").text
        refused = client.get(f"/reports/indexes.json?target=main&database={IDLE}")
        assert refused.status_code == 404
        assert f"database {IDLE}" in refused.text
        advised = client.get("/status.json").json()["advice"]
        assert [(one["target"], one["database"]) for one in advised] == [
            ("main", BARE),
            ("main", CRM),
            ("main", SHOP),
        ]
        listed: list[dict[str, Any]] = client.get("/reports.json").json()["reports"]
        assert {one["database"] for one in listed} == {SHOP, CRM, BARE}


def test_a_run_that_is_too_short_goes_on_with_the_others_next_time(
    databases: PostgresServer, tmp_path: Path
) -> None:
    """No database starves another: whoever had no turn is the first."""
    store = Store(tmp_path / "observer.db")
    of = sampler(databases, store, SHOP, CRM)
    of.work(run())
    use(databases)
    hasty = Bounds(window=3_600.0, budget="", max_width=2, deadline=0.02)
    advice = IndexAdvice(sampler=of, bounds=hasty, store=store, clock=SystemClock())
    began = []
    for _ in range(2):
        done = advice.work(run())
        assert done.fault is not None
        assert done.fault.code == "deadline"
        assert "1 database waits for the next run" in done.sentence
        began.append(done.fault.sentence.split(":")[0])
    assert began == [f"database {CRM}", f"database {SHOP}"]
    store.close()


def test_a_database_whose_catalogue_is_locked_is_not_even_connected_to(
    databases: PostgresServer, tmp_path: Path
) -> None:
    """A backend would wait for the lock, whatever its time-outs; and the DSN's own need not be chosen."""
    store = Store(tmp_path / "observer.db")
    of = sampler(databases, store, CRM)
    assert of.work(run()).sentence.startswith(f"first sample of {CRM}")
    use(databases)
    advice = IndexAdvice(sampler=of, bounds=BOUNDS, store=store, clock=SystemClock())
    with databases.connect(CRM) as holder, holder.transaction():
        holder.execute("LOCK TABLE pg_catalog.pg_class IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        with pytest.raises(NotAvailable, match="locked exclusively"):
            advice.work(run())
        assert time.monotonic() - began < BOUNDS.deadline
    store.close()
