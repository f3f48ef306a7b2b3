"""HikariCP in real Spring Boot services: page, JSON, a password, a starved pool, replicas by DNS."""

from __future__ import annotations

import contextlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from observer.deadlines import Deadline
from observer.demo.jar import spring_service
from observer.demo.servers.ports import free_port
from observer.demo.servers.spring import Database, SpringServer
from observer.exporter.hikari.page import has_pools, pool_families
from observer.exporter.hikari.reader import FILTERED, PoolReader
from observer.exporter.hikari.replicas import Replica, Resolved
from observer.exporter.hikari.source import HikariSource
from observer.exporter.snapshot import CollectionOrder, Reading
from observer.targets.actuator import ActuatorAddress, ActuatorSession
from tests.conditions import wait_for
from tests.integration.network import TcpProxy
from tests.serving import BRISK, Page, Serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from observer.demo.servers import PostgresServer, RedisServer

ENDPOINTS = json.dumps(
    [
        {
            "method": "GET",
            "uri": "/hold/{milliseconds}",
            "sql": "SELECT 1 FROM pg_catalog.pg_sleep(:milliseconds / 1000.0)",
            "cache_seconds": 0,
            "when_empty": 404,
        }
    ]
)

TWO_POOLS = {
    "MEALSYNC_SECOND_POOL": "true",
    "SPRING_DATASOURCE_HIKARI_MAXIMUMPOOLSIZE": "2",
    "SPRING_DATASOURCE_HIKARI_CONNECTIONTIMEOUT": "1500",
}
"""Its page for Prometheus is open; two requests at once exhaust the pool."""

CLOSED = {
    "MEALSYNC_ACTUATOR_USERNAME": "observer",
    "MEALSYNC_ACTUATOR_PASSWORD": "s3cret!",
    "MANAGEMENT_ENDPOINTS_WEB_EXPOSURE_INCLUDE": "health,metrics",
}
"""It wants a password, and does not expose its page for Prometheus."""


class Services:
    """Two services, as most teams have them: one open, one closed."""

    def __init__(self, open_one: SpringServer, closed: SpringServer) -> None:
        self.open, self.closed = open_one, closed

    def page(self) -> Page:
        """The page of the open one, as Prometheus itself would read it."""
        return Page(httpx.get(f"{self.open.url}/actuator/prometheus", timeout=20, trust_env=False).text)


@pytest.fixture(scope="session")
def services(server_root: Path, postgres: PostgresServer, redis_server: RedisServer) -> Iterator[Services]:
    """Both, started at once."""
    service = spring_service(lambda _: None)

    def make(name: str, settings: dict[str, str]) -> SpringServer:
        return SpringServer.create(
            server_root / f"spring-{name}",
            service=service,
            endpoints=ENDPOINTS,
            database=Database(
                host=postgres.host, port=postgres.port, name="app", user="postgres", password="unused"
            ),
            redis_url=redis_server.url,
            redis_password=redis_server.password,
            settings=settings,
        )

    both = [make("open", TWO_POOLS), make("closed", CLOSED)]
    with contextlib.ExitStack() as stack:
        for one in both:
            stack.callback(one.stop)
        with ThreadPoolExecutor() as starters:
            list(starters.map(lambda one: one.start(seconds=180), both))
        yield Services(*both)


@pytest.fixture(scope="module")
def observer(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Observer with every way of reading them."""
    directory = tmp_path_factory.mktemp("hikari")
    secret = directory / "password"
    secret.write_text("s3cret!\n", encoding="utf-8")
    page, closed = f"{services.open.url}/actuator/prometheus", f"{services.closed.url}/actuator/prometheus"
    config = {
        "hikari": [
            {"name": "page", "url": page},
            {"name": "all", "url": page, "pass_through": ["http_server_requests_seconds*", "jvm_memory_*"]},
            {"name": "json", "url": f"{services.open.url}/actuator/metrics"},
            {"name": "closed", "url": closed, "username": "observer", "password_file": str(secret)},
            {"name": "stranger", "url": closed},
        ],
        "scrape": BRISK | {"deadline": "10s"},
    }
    with Serving(directory, config) as running:
        for name in ("page", "all", "json", "closed"):
            running.wait_up(name, seconds=60)
        yield running


def series(page: Page) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    """Names and labels of all pools, less what Observer adds."""
    return {
        (name, tuple(sorted((key, value) for key, value in labels.items() if key != "replica")))
        for name in page.names
        if name.startswith(("hikaricp_connections", "jdbc_connections_"))
        for labels, _ in page.samples(name)
    }


def test_names_and_types_are_those_of_the_live_page(services: Services, observer: Serving) -> None:
    """Every series of both pools, and no other, under Micrometer's name, type and labels."""
    ours, theirs = observer.page("/metrics/page"), services.page()
    assert series(ours) == series(theirs)
    assert {labels["pool"] for labels, _ in ours.samples("hikaricp_connections")} == {
        "HikariPool-1",
        "reports",
    }
    assert not [name for name in ours.names if not name.startswith(("hikaricp_", "jdbc_connections_"))]
    families = [name for name in ours.types if name != "hikaricp_up"]
    assert {name: ours.types[name] for name in families} == {name: theirs.types[name] for name in families}
    assert ours.value("hikaricp_up", replica=services.open.host_and_port) == 1
    assert ours.value("hikaricp_connections_max", pool="HikariPool-1") == 2


def test_the_json_says_what_the_page_says(observer: Serving) -> None:
    """The same series out of one request for each meter and pool; the start page tells how it is read."""
    page, meters = observer.page("/metrics/page"), observer.page("/metrics/json")
    assert series(meters) == series(page)
    for name in ("hikaricp_connections_max", "hikaricp_connections_min", "jdbc_connections_max"):
        assert sorted(meters.samples(name), key=str) == sorted(page.samples(name), key=str)
    names = series(page)
    assert {n: meters.types[n] for n in meters.types} == {n: page.types[n] for n in meters.types}
    assert names
    assert observer.status("json")["facts"]["endpoint"] == "/actuator/metrics"
    assert observer.status("page")["facts"] == {"pools": "2", "endpoint": "/actuator/prometheus"}


def test_a_service_without_the_page_is_read_behind_its_password(
    services: Services, observer: Serving
) -> None:
    """404 leads to the JSON, with basic authentication; without it the remedy is told."""
    page = observer.page("/metrics/closed")
    assert page.value("hikaricp_connections_max", pool="HikariPool-1", application="mealsync") == 8
    assert page.value("hikaricp_up", replica=services.closed.host_and_port) == 1
    assert observer.status("closed")["facts"]["endpoint"] == "/actuator/metrics"
    wait_for(lambda: observer.status("stranger")["faults"], "the stranger is refused", seconds=30)
    [fault] = observer.status("stranger")["faults"]
    assert (fault["code"], "username" in fault["remedy"]) == ("permission", True)
    assert observer.page("/metrics/stranger").value("hikaricp_up") == 0
    assert "s3cret!" not in observer.output


def test_a_starved_pool_shows_who_waits_and_who_gave_up(services: Services, observer: Serving) -> None:
    """Two hold the only connections, two wait and fail; the service says so and so does Observer."""
    pool = {"pool": "HikariPool-1"}
    before = observer.fresh("page").value("hikaricp_connections_timeout_total", **pool, target="page")

    def call(_: int) -> int:
        return httpx.get(f"{services.open.url}/hold/6000", timeout=60, trust_env=False).status_code

    with ThreadPoolExecutor(4) as clients:
        calls = clients.map(call, range(4))
        wait_for(
            lambda: observer.fresh("page").value("hikaricp_connections_pending", **pool, target="page") > 0,
            "threads wait for a connection",
            seconds=60,
        )
        statuses = sorted(calls)
    # On a machine that is busy one that waits may get a connection after all.
    assert statuses[:2] == [200, 200]
    assert statuses[-1] == 503
    page = observer.fresh("page")
    assert page.value("hikaricp_connections_timeout_total", **pool, target="page") > before
    assert page.value("hikaricp_connections_acquire_seconds_max", **pool, target="page") > 1
    assert services.page().sum("http_server_requests_seconds_count", status="503", uri="/hold/{milliseconds}")


def test_other_metrics_are_passed_on_where_they_are_asked_for(services: Services, observer: Serving) -> None:
    """With their types and buckets, and the label replica; the rest of the page stays where it is."""
    httpx.get(f"{services.open.url}/hold/1", timeout=60, trust_env=False)
    page = observer.fresh("all")
    single = observer.page("/metrics/all")
    requests = {"uri": "/hold/{milliseconds}", "status": "200", "replica": services.open.host_and_port}
    assert single.types["http_server_requests_seconds"] == "histogram"
    assert single.value("http_server_requests_seconds_bucket", **requests, le="+Inf") >= 1
    assert single.types["jvm_memory_used_bytes"] == "gauge"
    assert "jvm_threads_live_threads" not in single.names
    assert single.types["hikaricp_connections"] == "gauge"
    assert {labels["target"] for labels, _ in page.samples("jvm_memory_used_bytes")} == {"all"}


def test_the_service_filters_what_it_is_asked_for(services: Services) -> None:
    """One request brings all pools and nothing else."""
    address = ActuatorAddress.parse(f"{services.open.url}/actuator/prometheus")
    session = ActuatorSession(address)
    with contextlib.closing(session):
        deadline = Deadline(30, "reading")
        part = session.get(f"{address.path}?{FILTERED}", deadline).text
        whole = session.get(address.path, deadline).text
        pools = PoolReader(session).read(deadline)
    assert "jvm_" not in part
    assert len(part) < len(whole) / 3
    assert {f.metric for f in pool_families(part)} == {f.metric for f in pool_families(whole)}
    assert has_pools(pools.families)


LOOPBACK = ("127.0.0.1", "127.0.0.2", "127.0.0.3")


class Replicas:
    """Three addresses of one name, each a wire to the service that can be held or cut."""

    def __init__(self, services: Services, stack: contextlib.ExitStack) -> None:
        port = free_port()
        upstream = (services.open.host, services.open.port)
        self.wires = {host: stack.enter_context(TcpProxy(*upstream, at=(host, port))) for host in LOOPBACK}
        self.known = list(LOOPBACK)
        self.port = port
        self.now = 1000.0
        self.version = 0
        address = ActuatorAddress.parse(f"http://mealsync-app.invalid:{port}/actuator/prometheus")
        self.source = HikariSource(
            "fleet",
            Resolved(address, interval=15, resolve=lambda _: self.known, monotonic=lambda: self.now),
            open_reader=self._open,
        )
        stack.callback(self.source.close)

    @staticmethod
    def _open(replica: Replica) -> PoolReader:
        return PoolReader(ActuatorSession(replica.address, connect_to=replica.connect_to))

    def collect(self, *, after: float = 1.0, seconds: float = 60.0) -> Reading:
        self.now += after
        self.version += 1
        deadline = Deadline(seconds, "collecting")
        reading = self.source.collect(CollectionOrder(self.version, 0, self.now, deadline))
        self.left = deadline.left()
        return reading

    def up(self, reading: Reading) -> dict[str, float]:
        samples = [sample for family in reading.always for sample in family.samples]
        return {body.split('"')[1].split(":")[0]: value for _, body, value in samples}

    def of_pools(self, reading: Reading) -> set[str]:
        """The replicas that have series."""
        bodies = {
            body
            for outcome in reading.outcomes
            for family in outcome.families or ()
            for _, body, _ in family.samples
        }
        return {body.split('replica="')[1].split(":")[0] for body in bodies}


@pytest.fixture
def replicas(services: Services) -> Iterator[Replicas]:
    with contextlib.ExitStack() as stack:
        yield Replicas(services, stack)


def threads() -> set[str]:
    return {
        t.name.split("-")[1].split(":")[0] for t in threading.enumerate() if t.name.startswith("replica-")
    }


def test_each_address_of_a_name_is_a_replica(replicas: Replicas) -> None:
    """Each has its label, its series and its own ``hikaricp_up``."""
    reading = replicas.collect()
    assert replicas.up(reading) == dict.fromkeys(LOOPBACK, 1)
    assert replicas.of_pools(reading) == set(LOOPBACK)
    assert reading.facts["replicas"] == "3 of 3 answer"
    assert all(outcome.fault is None for outcome in reading.outcomes)


def test_a_replica_that_hangs_costs_only_itself(replicas: Replicas) -> None:
    """It is down while it hangs, the others are as they were, and it is back when it answers again."""
    replicas.collect()
    replicas.wires["127.0.0.2"].pause()
    for _ in range(3):
        reading = replicas.collect()
        assert replicas.left > 30, "nobody waits for it to the end"
        assert replicas.up(reading) == {"127.0.0.1": 1, "127.0.0.2": 0, "127.0.0.3": 1}
        assert replicas.of_pools(reading) == {"127.0.0.1", "127.0.0.3"}
    faults = [outcome.fault.sentence for outcome in reading.outcomes if outcome.fault]
    assert len(faults) == 1
    assert faults[0].startswith("1 of 3 replicas fail")
    replicas.wires["127.0.0.2"].resume()
    wait_for(lambda: 0 not in replicas.up(replicas.collect()).values(), "it is back", seconds=60)
    assert len([name for name in threads() if name in LOOPBACK]) == 3


def test_replicas_come_and_go_without_leaving_anything(replicas: Replicas) -> None:
    """Within one interval of the lookup; series, connection and thread of one that went are gone."""
    replicas.known = ["127.0.0.1", "127.0.0.3"]
    assert set(replicas.up(replicas.collect())) == {"127.0.0.1", "127.0.0.3"}
    replicas.known = ["127.0.0.1", "127.0.0.2"]
    assert set(replicas.up(replicas.collect(after=5))) == {"127.0.0.1", "127.0.0.3"}
    reading = replicas.collect(after=11)
    assert set(replicas.up(reading)) == replicas.of_pools(reading) == {"127.0.0.1", "127.0.0.2"}
    wait_for(lambda: threads() == {"127.0.0.1", "127.0.0.2"}, "its thread is gone")
    replicas.source.close()
    assert threads() == set()


def test_a_replica_that_hangs_when_it_goes_is_let_go(replicas: Replicas) -> None:
    """Its thread does not wait for an answer that never comes."""
    replicas.collect()
    replicas.wires["127.0.0.3"].pause()
    replicas.collect()
    replicas.known = ["127.0.0.1", "127.0.0.2"]
    replicas.collect(after=20)
    wait_for(lambda: threads() == {"127.0.0.1", "127.0.0.2"}, "its thread is gone")


def test_a_service_whose_replicas_are_all_gone_is_down(replicas: Replicas) -> None:
    """Each says 0, and the reason is told."""
    for wire in replicas.wires.values():
        wire.refuse()
    reading = replicas.collect()
    assert not reading.up
    assert replicas.up(reading) == dict.fromkeys(LOOPBACK, 0)
    assert reading.fault is not None
    assert reading.fault.code == "unreachable"
