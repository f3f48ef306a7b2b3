"""How a replica is read: filtered, in full, or as JSON; and what happens when that changes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

import pytest

from observer.deadlines import Deadline
from observer.errors import NotAvailable, NotPermitted
from observer.exporter.hikari.reader import RECHECK, PoolReader, Pools
from observer.targets.actuator import ActuatorAddress, ActuatorSession, Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

POOLS = '# TYPE hikaricp_connections gauge\nhikaricp_connections{pool="main"} 8\n'
OTHERS = "# TYPE jvm_threads_live_threads gauge\njvm_threads_live_threads 40\n"
JSON = "application/vnd.spring-boot.actuator.v3+json"
METER = {
    "name": "hikaricp.connections",
    "measurements": [{"statistic": "VALUE", "value": 8}],
    "availableTags": [{"tag": "pool", "values": ["main"]}],
}


class Service(ActuatorSession):
    """A service as a test wants it: its page with and without the filter, and its meters."""

    def __init__(self, url: str = "http://app:8080/actuator/prometheus") -> None:
        super().__init__(ActuatorAddress.parse(url))
        self.filtered: Answer = Answer(200, "text/plain", POOLS)
        self.page: Answer = Answer(200, "text/plain", POOLS + OTHERS)
        self.meters = False
        self.asked: list[str] = []

    def get(self, target: str, deadline: Deadline) -> Answer:
        assert deadline.left() > 0
        path, _, query = target.partition("?")
        kind = "filtered" if "includedNames" in query else path.rsplit("/", 1)[-1]
        self.asked.append(kind)
        if path.startswith("/actuator/metrics"):
            if not self.meters:
                return Answer(404, JSON, "")
            named = path != "/actuator/metrics"
            return Answer(200, JSON, json.dumps(METER if named else {"names": ["hikaricp.connections"]}))
        return self.filtered if kind == "filtered" else self.page

    def gone(self) -> None:
        self.filtered = self.page = Answer(404, JSON, "{}")


class Reading:
    """A reader at a moment that the test chooses."""

    def __init__(self, service: Service, *, patterns: Sequence[str] = ()) -> None:
        self.service = service
        self.now = 1000.0
        self._reader = PoolReader(service, patterns=patterns, monotonic=lambda: self.now)

    def read(self, *, after: float = 0.0) -> tuple[Pools, list[str]]:
        """What is read, and what was asked for it."""
        self.now += after
        self.service.asked = []
        return self._reader.read(Deadline(10, "reading")), self.service.asked


def connections(pools: Pools) -> float:
    [family] = [one for one in pools.families if one.metric.name == "hikaricp_connections"]
    return family.samples[0][2]


def test_the_service_filters() -> None:
    """One request, and nothing but pools."""
    pools, asked = Reading(Service()).read()
    assert (connections(pools), asked, pools.endpoint) == (8, ["filtered"], "/actuator/prometheus")


@pytest.mark.parametrize(
    "answer", [Answer(400, "text/plain", ""), Answer(414, "text/plain", ""), Answer(200, "text/plain", "")]
)
def test_a_service_that_cannot_filter_is_read_in_full(answer: Answer) -> None:
    """At once, and from then on without asking twice; after minutes the filter is tried again."""
    service = Service()
    service.filtered = answer
    reading = Reading(service)
    pools, asked = reading.read()
    assert (connections(pools), asked) == (8, ["filtered", "prometheus"])
    assert reading.read()[1] == ["prometheus"]
    assert reading.read(after=RECHECK)[1] == ["filtered", "prometheus"]


def test_a_service_without_pools_is_not_read_twice_each_time() -> None:
    """Behind the filter there is nothing either; that is looked up now and then."""
    service = Service()
    service.filtered, service.page = Answer(200, "text/plain", ""), Answer(200, "text/plain", OTHERS)
    reading = Reading(service)
    pools, asked = reading.read()
    assert (list(pools.families), asked) == ([], ["filtered", "prometheus"])
    assert reading.read()[1] == ["filtered"]
    assert reading.read(after=RECHECK)[1] == ["filtered", "prometheus"]


def test_what_is_passed_on_needs_the_whole_page() -> None:
    """And a service's own query is not added to."""
    pools, asked = Reading(Service(), patterns=["jvm_*"]).read()
    assert asked == ["prometheus"]
    assert [family.metric.name for family in pools.passed] == ["jvm_threads_live_threads"]
    own = Service("http://app:8080/actuator/prometheus?includedNames=hikaricp_connections")
    own.filtered = Answer(200, "text/plain", POOLS)
    reading = Reading(own)
    assert reading.read()[1] == reading.read()[1] == ["filtered"]


def test_the_json_takes_the_place_of_a_page_that_is_not_there() -> None:
    """The page is asked for again after minutes, for it costs one request."""
    service = Service()
    service.gone()
    service.meters = True
    reading = Reading(service)
    pools, asked = reading.read()
    assert (connections(pools), pools.endpoint) == (8, "/actuator/metrics")
    assert asked == ["filtered", "metrics", "hikaricp.connections"]
    assert reading.read()[1] == ["metrics", "hikaricp.connections"]
    service.filtered = Answer(200, "text/plain", POOLS)
    assert reading.read(after=RECHECK)[1] == ["filtered"]
    assert reading.read()[1] == ["filtered"]


def test_the_list_of_meters_may_be_what_was_configured() -> None:
    """Whoever writes the JSON endpoint's URL gets its pools."""
    service = Service("http://app:8080/actuator/metrics")
    service.meters = True
    service.filtered = Answer(200, JSON, '{"names": ["hikaricp.connections"]}')
    pools, _ = Reading(service).read()
    assert connections(pools) == 8


def test_a_service_that_exposes_neither_is_left_alone() -> None:
    """The remedy is told; the JSON is asked for once in minutes, and found when it comes."""
    service = Service()
    service.gone()
    reading = Reading(service)
    with pytest.raises(NotAvailable) as missing:
        reading.read()
    assert "exposure.include=health,prometheus" in missing.value.remedy
    assert service.asked == ["filtered", "metrics"]
    with pytest.raises(NotAvailable):
        reading.read()
    assert service.asked == ["filtered"]
    service.meters = True
    assert connections(reading.read(after=RECHECK)[0]) == 8


def test_a_service_that_refuses_is_not_tried_in_another_way() -> None:
    """A password that is wrong is as wrong for the JSON; accounts get locked by less."""
    service = Service()
    service.filtered = Answer(401, JSON, "{}")
    with pytest.raises(NotPermitted):
        Reading(service).read()
    assert service.asked == ["filtered"]


def test_what_cannot_be_passed_on_as_json_is_told() -> None:
    """The pools come, and the rest says what to expose."""
    service = Service()
    service.gone()
    service.meters = True
    pools, _ = Reading(service, patterns=["jvm_*"]).read()
    assert connections(pools) == 8
    assert "micrometer-registry-prometheus" in cast("str", pools.passed_fault and pools.passed_fault.remedy)
