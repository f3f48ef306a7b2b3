"""Advice on a schedule against a real server: samples, reports, what built indexes bring, faults."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from contextlib import contextmanager
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from observer.app.factory import create_app
from observer.clock import SystemClock
from observer.config.model import Settings
from observer.demo.sample import SampleSize, load_sample
from observer.errors import DeadlineExceeded, NotAvailable, NotPermitted
from observer.exporter.postgres.databases import Choice
from observer.jobs.advice import Bounds, IndexAdvice
from observer.jobs.job import Run, RunStop
from observer.jobs.samples import StatementSampler
from observer.reports.kept import INDEXES, Reports
from observer.store.store import Store
from observer.targets.postgres import PostgresAddress
from observer.targets.role import role_script
from tests.conditions import wait_for
from tests.integration.serving import served
from tests.psql import run_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from observer.demo.servers import PostgresServer

SCALE = 0.03
DATABASE = "advised_on_schedule"
ROLE = "observer_jobs"
BOUNDS = Bounds(window=3_600.0, budget="", max_width=3, deadline=60.0)

REVIEWS = (
    "SELECT id, user_id, rating, body, created_at FROM reviews"
    " WHERE recipe_id = %s AND status = 'visible' ORDER BY created_at DESC LIMIT 10"
)
RECIPES = (
    "SELECT id, name, status, created_at FROM recipes"
    " WHERE user_id = %s AND deleted_at IS NULL ORDER BY created_at DESC LIMIT 20"
)


@pytest.fixture(scope="module")
def sample(postgres: PostgresServer, hypopg: None) -> Iterator[PostgresServer]:  # noqa: ARG001 - it is there
    """A server with MealSync's tables, and Observer's role with the rights that advice needs."""
    postgres.create_database(DATABASE, extensions=("pg_stat_statements", "hypopg"))
    load_sample(lambda: postgres.connect(DATABASE), scale=SCALE)
    with postgres.connect(DATABASE) as connection:
        connection.execute(role_script(ROLE, explain="schema", schemas=["public"]).encode())
    yield postgres
    postgres.execute("postgres", f"DROP DATABASE {DATABASE} WITH (FORCE)")  # type: ignore[arg-type]  # a constant
    postgres.execute("postgres", f"DROP ROLE {ROLE}")  # type: ignore[arg-type]  # a constant


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "observer.db")
    yield store
    store.close()


@contextmanager
def workload(server: PostgresServer) -> Iterator[None]:
    """Users who read reviews and recipes, one statement every few milliseconds."""
    stop, size, rng = threading.Event(), SampleSize.at(SCALE), random.Random(1)

    def use() -> None:
        with server.connect(DATABASE) as connection:
            while not stop.wait(0.005):
                connection.execute(REVIEWS, (rng.randint(1, size.recipes),)).fetchall()
                connection.execute(RECIPES, (rng.randint(1, size.users),)).fetchall()

    thread = threading.Thread(target=use)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def use_once(server: PostgresServer, database: str, statement: str = REVIEWS, times: int = 20) -> None:
    with server.connect(database) as connection:
        for number in range(times):
            connection.execute(statement.encode(), (number + 1,)).fetchall()


def sampler(
    server: PostgresServer, store: Store, *, database: str = DATABASE, user: str = ROLE
) -> StatementSampler:
    return StatementSampler(
        target="main",
        address=PostgresAddress.parse(server.dsn(database, user=user), lambda: None),
        choice=Choice((database,)),
        statement_timeout=3.0,
        lock_timeout=0.3,
        store=store,
        clock=SystemClock(),
    )


def advice(of: StatementSampler, store: Store, bounds: Bounds = BOUNDS) -> IndexAdvice:
    return IndexAdvice(sampler=of, bounds=bounds, store=store, clock=SystemClock())


def run() -> Run:
    return Run(tick=0, stop=RunStop())


def settings(server: PostgresServer, path: Path, **more: Any) -> Settings:
    return Settings.model_validate(
        {
            "postgres": [
                {
                    "name": "main",
                    "dsn": server.dsn(DATABASE, user=ROLE),
                    "databases": {"include": [DATABASE]},
                }
            ],
            "advise": {"interval": "5s", "sample_interval": "1s", "window": "10m", "deadline": "30s"},
            "store": {"path": str(path)},
            **more,
        }
    )


def test_lacking_indexes_are_named_and_once_built_the_next_report_shows_what_it_brought(
    sample: PostgresServer, tmp_path: Path
) -> None:
    """Samples, a report, its SQL run by a person, and the statements faster in the report after it."""
    app = create_app(settings(sample, tmp_path / "state" / "observer.db"))
    with served(app) as client, workload(sample):
        waiting = client.get("/reports/indexes.json")
        assert waiting.status_code in (404, 503)
        assert waiting.json()["ok"] is False

        wait_for(lambda: client.get("/reports/indexes.json").status_code == 200, "the first report")
        first = client.get("/reports/indexes.json").json()
        advised = {item["name"]: item for item in first["report"]["recommendations"]}
        bodies = [item["ddl"].partition(" ON ")[2] for item in advised.values()]
        # What else they hold, an order or columns beside it, is the statistics' affair.
        for lacking in ("public.recipes (user_id", "public.reviews (recipe_id"):
            assert any(body.startswith(lacking) for body in bodies), bodies
        assert first["report"]["source"] == "two samples of pg_stat_statements"

        script = client.get(f"/reports/{first['id']}.sql").text
        done = run_file(sample, DATABASE, script)
        assert done.returncode == 0, done.stderr

        def shown() -> bool:
            document = client.get("/reports/indexes.json").json()
            effects = [e for built in document["changes"]["built"] for e in built["statements"]]
            return bool(effects) and all(e["calls_after"] > 20 for e in effects)

        wait_for(shown, "statements that were called since", seconds=60)
        later = client.get("/reports/indexes.json").json()
        built = {item["name"] for item in later["changes"]["built"]}
        assert built == set(advised)
        assert not {item["name"] for item in later["report"]["recommendations"]} & built
        for item in later["changes"]["built"]:
            for effect in item["statements"]:
                assert effect["mean_after_ms"] < effect["mean_before_ms"] / 2, effect

        listed = client.get("/reports.json").json()["reports"]
        resolved = [item for report in listed for item in report["changes"]["resolved"]]
        assert {(item["name"], item["why"]) for item in resolved} == {(name, "built") for name in advised}

        page = client.get(f"/reports/{later['id']}")
        assert "times faster" in page.text
        assert "script" not in page.headers["content-security-policy"]
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "times faster" in client.get(f"/reports/{later['id']}.md").text
        assert f"/reports/{later['id']}" in client.get("/reports").text
        assert 'href="/reports"' in client.get("/").text
        assert client.get("/reports/123456").json()["status"] == 404
        assert client.get("/reports/indexes.json?target=none").json()["status"] == 404
        jobs = {job["name"]: job for job in client.get("/status.json").json()["jobs"]}
        assert jobs["index-advice"]["fault"] is None
        assert jobs["statement-samples"]["state"] in ("ok", "running")


def test_texts_of_statements_are_not_kept(sample: PostgresServer, store: Store) -> None:
    """Utility statements hold passwords; the numbers do not need them."""
    of = sampler(sample, store)
    of.work(run())
    with sample.connect(DATABASE) as connection:
        connection.execute("CREATE ROLE secretive PASSWORD 'hunter2hunter2'")
        connection.execute("DROP ROLE secretive")
    use_once(sample, DATABASE)
    of.work(run())
    advice(of, store).work(run())
    with store.read() as connection:
        connection.exec_driver_sql("SELECT 1").all()
    kept = b"".join(
        file.read_bytes() for file in store.path.parent.iterdir() if file.name.startswith("observer.db")
    )
    assert b"hunter2" not in kept


def test_a_child_killed_at_its_deadline_leaves_the_former_report(
    sample: PostgresServer, store: Store
) -> None:
    """What was known stays known."""
    of = sampler(sample, store)
    of.work(run())
    use_once(sample, DATABASE)
    advice(of, store).work(run())
    former = Reports(store=store).newest(INDEXES)
    assert former is not None
    hasty = Bounds(window=3_600.0, budget="", max_width=3, deadline=0.05)
    with pytest.raises(DeadlineExceeded) as caught:
        advice(of, store, hasty).work(run())
    assert "advise.deadline" in caught.value.remedy
    assert Reports(store=store).newest(INDEXES) == former


def test_nothing_is_said_before_anything_was_executed(sample: PostgresServer, store: Store) -> None:
    """An empty window is no reason for an empty report."""
    of = sampler(sample, store)
    done = advice(of, store).work(run())
    assert "no statement was executed" in done.sentence
    assert Reports(store=store).newest(INDEXES) is None


@pytest.fixture
def bare(postgres: PostgresServer) -> Iterator[str]:
    """A database with one table, and roles with few rights; no extension yet."""
    postgres.create_database("bare", extensions=())
    postgres.execute("bare", "CREATE TABLE public.things (id integer, kind integer)")
    postgres.execute(
        "bare", "INSERT INTO public.things SELECT n, n % 1000 FROM pg_catalog.generate_series(1, 20000) n"
    )
    postgres.execute("bare", "ANALYZE public.things")
    postgres.execute("postgres", "CREATE ROLE nosy LOGIN")
    yield "bare"
    postgres.execute("postgres", "DROP DATABASE bare WITH (FORCE)", "DROP ROLE nosy")


THINGS = "SELECT id FROM things WHERE kind = %s"


def test_a_missing_pg_stat_statements_is_told_with_its_remedy(
    postgres: PostgresServer, store: Store, bare: str
) -> None:
    """And once it is there, sampling goes on by itself."""
    of = sampler(postgres, store, database=bare, user="postgres")
    with pytest.raises(NotAvailable) as caught:
        of.work(run())
    assert "CREATE EXTENSION pg_stat_statements" in caught.value.remedy
    postgres.execute(bare, "CREATE EXTENSION pg_stat_statements")
    assert "first sample" in of.work(run()).sentence


def test_hidden_statements_are_told_with_the_right_to_grant(
    postgres: PostgresServer, store: Store, bare: str
) -> None:
    """Without pg_monitor the workload of others cannot be seen."""
    postgres.execute(bare, "CREATE EXTENSION pg_stat_statements")
    use_once(postgres, bare, THINGS)
    of = sampler(postgres, store, database=bare, user="nosy")
    with pytest.raises(NotPermitted) as caught:
        of.work(run())
    assert caught.value.remedy == 'Run as a superuser: GRANT pg_monitor TO "nosy";'


def test_without_hypopg_there_are_hypotheses_and_a_fault(
    postgres: PostgresServer, store: Store, bare: str
) -> None:
    """A report that prices nothing is better than none, if it says so."""
    postgres.execute(bare, "CREATE EXTENSION pg_stat_statements")
    of = sampler(postgres, store, database=bare, user="postgres")
    of.work(run())
    use_once(postgres, bare, THINGS)
    done = advice(of, store).work(run())
    assert done.fault is not None
    assert "CREATE EXTENSION hypopg" in done.fault.remedy
    kept = Reports(store=store).newest(INDEXES)
    assert kept is not None
    assert [item["relation"] for item in kept.document["hypotheses"]] == ["public.things"]
    assert kept.document["recommendations"] == []


@pytest.mark.usefixtures("hypopg")
def test_a_missing_right_to_read_tables_is_told_with_what_to_grant(
    postgres: PostgresServer, store: Store, bare: str
) -> None:
    """And no report is kept that would read as if nothing were lacking."""
    postgres.execute(
        bare,
        "CREATE EXTENSION pg_stat_statements",
        "CREATE EXTENSION hypopg",
        "GRANT pg_monitor TO nosy",
    )
    of = sampler(postgres, store, database=bare, user="nosy")
    of.work(run())
    use_once(postgres, bare, THINGS)
    with pytest.raises(NotPermitted) as caught:
        advice(of, store).work(run())
    assert 'GRANT pg_read_all_data TO "nosy"' in caught.value.remedy
    assert Reports(store=store).newest(INDEXES) is None
    postgres.execute(bare, "GRANT SELECT ON public.things TO nosy")
    assert advice(of, store).work(run()).fault is None


def test_a_store_that_cannot_be_opened_stops_nothing_else(sample: PostgresServer, tmp_path: Path) -> None:
    """Metrics are served, and the page says what to mend."""
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    with served(create_app(settings(sample, blocked / "observer.db"))) as client:
        wait_for(lambda: client.get("/status.json").json()["store"]["fault"] is not None, "the fault")
        state = client.get("/status.json").json()["store"]
        assert state["open"] is False
        assert "store.path" in state["fault"]["remedy"]
        assert "pg_up 1" in client.get("/metrics").text
        assert "store.path" in client.get("/").text
        assert "cannot be made" in client.get("/reports").text
        refused = client.get("/reports/indexes.json")
        assert (refused.status_code, refused.json()["ok"]) == (503, False)


def test_a_server_that_is_down_is_told_and_the_store_stays_open(
    sample: PostgresServer, tmp_path: Path
) -> None:
    """The fault of one target is shown where its jobs are."""
    gone = {"postgres": [{"name": "gone", "dsn": "postgresql://nobody@127.0.0.1:1/none"}]}
    with served(create_app(settings(sample, tmp_path / "observer.db", **gone))) as client:

        def told() -> bool:
            jobs = client.get("/status.json").json()["jobs"]
            return any(j["name"] == "statement-samples" and j["fault"] is not None for j in jobs)

        wait_for(told, "the fault of the job")
        assert client.get("/status.json").json()["store"]["open"] is True
        assert 'outcome="failed"' in client.get("/metrics").text


def test_the_serving_process_loads_no_parser_and_no_migrations(tmp_path: Path) -> None:
    """With everything started: what is heavy runs in children."""
    code = dedent(f"""
        import json, sys, threading, time, urllib.request
        import uvicorn
        from observer.app.factory import create_app
        from observer.config.model import Settings
        app = create_app(Settings.model_validate({{
            "postgres": [{{"name": "gone", "dsn": "postgresql://nobody@127.0.0.1:1/none"}}],
            "store": {{"path": "{tmp_path / "observer.db"}"}},
        }}))
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
        thread = threading.Thread(target=server.run)
        thread.start()
        end = time.monotonic() + 30
        while not server.started and time.monotonic() < end:
            time.sleep(0.05)
        base = "http://127.0.0.1:%d" % server.servers[0].sockets[0].getsockname()[1]
        read = lambda path: urllib.request.urlopen(base + path, timeout=20).read()
        while not json.loads(read("/status.json"))["store"]["open"] and time.monotonic() < end:
            time.sleep(0.05)
        assert b"There is no report yet" in read("/reports")
        server.should_exit = True
        thread.join()
        loaded = {{name.split(".")[0] for name in sys.modules}}
        heavy = {{"postgast", "alembic", "typer", "promql_parser", "pandas"}}
        print("loaded:", sorted(loaded & heavy))
    """)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.splitlines()[-1:] == ["loaded: []"], (done.stdout, done.stderr)
