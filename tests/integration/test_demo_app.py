"""MealSync at work: its numbers move, and they are true."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from observer.demo.parts import Stage
from observer.demo.parts.app import AppPart
from observer.demo.parts.credentials import Credentials
from observer.demo.parts.pgbouncer import PgBouncerPart
from observer.demo.parts.postgres import PostgresPart
from observer.demo.parts.redis import RedisPart
from observer.demo.servers import ordinary_account, private_directory
from observer.demo.servers.account import make_directory
from observer.demo.workload.endpoints import ENDPOINTS
from tests.conditions import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from observer.demo.parts.app import Program

SCALE = 0.01


class Running:
    """MealSync with the parts that it needs, and questions about them."""

    def __init__(self) -> None:
        credentials = Credentials()
        self.postgres = PostgresPart(credentials=credentials, scale=SCALE)
        self.pgbouncer = PgBouncerPart(postgres=self.postgres)
        self.redis = RedisPart(credentials=credentials)
        self.python = self._app("python", users=60)
        self.spring = self._app("spring", users=60)
        self.app = self.python

    def _app(self, program: Program, *, users: int) -> AppPart:
        return AppPart(
            postgres=self.postgres,
            pgbouncer=self.pgbouncer,
            redis=self.redis,
            users=users,
            scale=SCALE,
            program=program,
        )

    def meter(self, name: str, **labels: str) -> float:
        text = httpx.get(f"{self.app.address()}/actuator/prometheus", trust_env=False).text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def number(self, query: bytes) -> float:
        with self.postgres.server.connect("mealsync") as connection:
            row = connection.execute(query).fetchone()
            assert row is not None
            return float(row[0])


@pytest.fixture(scope="module")
def parts() -> Iterator[Running]:
    """Both services at once, on the same database and cache."""
    account = ordinary_account()
    with (
        private_directory(prefix="observer-test-", account=account) as directory,
        contextlib.ExitStack() as stack,
    ):
        parts = Running()
        for folder, some in (
            ("python", (parts.postgres, parts.pgbouncer, parts.redis, parts.python)),
            ("spring", (parts.spring,)),
        ):
            stage = Stage(directory=directory / folder, account=account, say=lambda _: None)
            make_directory(stage.directory, account)
            for part in some:
                stack.callback(part.stop)
                part.start(stage)
        yield parts


@pytest.fixture(scope="module", params=["python", "spring"])
def running(parts: Running, request: pytest.FixtureRequest) -> Running:
    """Each promise is kept by the service in Python and by the one in Java."""
    parts.app = getattr(parts, request.param)
    return parts


_CALLS = b"SELECT coalesce(sum(calls), 0) FROM public.pg_stat_statements WHERE query LIKE '%reviews%'"
_BLOCKED = b"""SELECT count(*) FROM pg_catalog.pg_stat_activity
               WHERE pg_catalog.cardinality(pg_catalog.pg_blocking_pids(pid)) > 0
                 AND application_name <> 'mealsync-nightly-job'"""


def test_statements_are_counted(running: Running) -> None:
    """The users' statements arrive in pg_stat_statements, and those that filled the tables are forgotten."""
    before = running.number(_CALLS)
    wait_for(lambda: running.number(_CALLS) > before, "reviews are read")
    # JDBC has uses of its own for generate_series; sample.rows() and the like filled the tables.
    filling = b"SELECT count(*) FROM public.pg_stat_statements WHERE query LIKE '%sample.%'"
    assert running.number(filling) == 0


def test_the_pool_tells_what_it_did(running: Running) -> None:
    """Each connection taken is counted once as acquired and once as used; none is left out at the end."""
    before = running.meter("hikaricp_connections_acquire_seconds_count")
    wait_for(lambda: running.meter("hikaricp_connections_acquire_seconds_count") > before, "connections used")
    assert running.meter("hikaricp_connections_usage_seconds_sum") > 0

    def all_told() -> bool:
        """HikariCP makes the second behind the first one's back, and the first one before its meters."""
        there = running.meter("hikaricp_connections")
        return there >= 2 and running.meter("hikaricp_connections_creation_seconds_count") >= there - 1

    wait_for(all_told, "two connections are there, and what it took to make them is told")
    assert running.meter("hikaricp_connections_max") == 8
    assert running.meter("hikaricp_connections", pool="HikariPool-1") <= 8


def test_the_cache_hits_and_misses(running: Running) -> None:
    """Redis sees both: popular recipes are found, rare ones are not."""

    def moved() -> bool:
        with running.redis.server.connect() as client:
            stats = client.info("stats")
        return bool(stats["keyspace_hits"] > 5 and stats["keyspace_misses"] > 5)

    wait_for(moved, "hits and misses")


def test_requests_are_told_as_spring_boot_does(running: Running) -> None:
    """Templates, not paths, are in the label uri; no request fails while nothing is broken."""
    seen = {"method": "GET", "uri": "/api/recipes/{recipe}", "status": "200", "outcome": "SUCCESS"}
    wait_for(lambda: running.meter("http_server_requests_seconds_count", **seen) > 0, "recipes are read")
    expected = {"exception": "none", "error": "none", "application": "mealsync"}
    assert running.meter("http_server_requests_seconds_count", **seen, **expected) > 0
    assert running.meter("http_server_requests_seconds_bucket", **seen, le="0.2") > 0
    assert running.meter("http_server_requests_seconds_count", outcome="SERVER_ERROR", status="500") == 0
    unknown = {"uri": "/**", "status": "404"}
    before = running.meter("http_server_requests_seconds_count", **unknown)
    answer = httpx.get(f"{running.app.address()}/api/nothing", trust_env=False)
    assert answer.status_code == 404
    assert running.meter("http_server_requests_seconds_count", **unknown) == before + 1


def test_both_services_give_the_same_answers(parts: Running) -> None:
    """Whoever calls them cannot tell them apart: status and JSON, dates, decimals and empty answers too."""
    values = {"recipe": 3, "user": 2, "ingredient": 1, "plan": 1, "words": "chicken soup"}
    asked = [
        f"{endpoint.uri.format_map(values)}?words=chicken+soup&email=nobody"
        for endpoint in ENDPOINTS
        if endpoint.method == "GET"
    ]
    asked += ["/api/recipes/999999999", "/api/recipes/abc"]

    def answers(app: AppPart, path: str) -> tuple[int, object]:
        with parts.redis.server.connect() as client:
            client.flushall()
        answer = httpx.get(f"{app.address()}{path}", timeout=30, trust_env=False)
        return answer.status_code, answer.json() if answer.is_success else None

    for path in asked:
        # Users of both change the tables meanwhile.
        for _ in range(5):
            ours, theirs = answers(parts.python, path), answers(parts.spring, path)
            if ours == theirs:
                break
        assert ours == theirs, path
    for app in (parts.python, parts.spring):
        for email, status in (("cook1@example.com", 200), ("nobody@example.com", 401)):
            login = httpx.post(f"{app.address()}/api/login?email={email}", timeout=30, trust_env=False)
            assert login.status_code == status
        seen = httpx.post(f"{app.address()}/api/recipes/1/views", timeout=30, trust_env=False)
        assert (seen.status_code, seen.json()) == (200, [1])


def test_a_lock_lets_sessions_queue_up(running: Running) -> None:
    """The fault blocks writers until it ends, and then everything goes on."""
    fault = f"{running.app.address()}/demo/fault"
    assert httpx.post(fault, params={"kind": "nonsense"}, trust_env=False).status_code == 400
    assert running.number(_BLOCKED) == 0
    asked = 0.0

    def queued() -> bool:
        """Whether somebody wants to write; on a busy machine a lock may pass before anybody does."""
        nonlocal asked
        if time.monotonic() > asked + 5:
            started = httpx.post(fault, params={"kind": "lock", "seconds": "3"}, trust_env=False)
            assert started.status_code == 202
            asked = time.monotonic()
        return running.number(_BLOCKED) > 0

    wait_for(queued, "sessions are blocked")
    wait_for(lambda: running.number(_BLOCKED) == 0, "the lock is gone")


def test_observer_may_look_and_not_touch(running: Running) -> None:
    """Observer's role reads statistics and explains, changes nothing, and is bounded in connections."""
    import psycopg

    postgres, secret = running.postgres.server, running.postgres.credentials.observer
    with psycopg.connect(
        postgres.dsn("mealsync", user="observer", password=secret), autocommit=True
    ) as connection:
        texts = connection.execute("SELECT query FROM public.pg_stat_statements").fetchall()
        assert texts
        assert not any(secret in text or "insufficient privilege" in text for (text,) in texts)
        connection.execute("EXPLAIN SELECT * FROM public.recipes")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("DELETE FROM public.recipes")
        connection.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM public.recipes")
