"""The actuator's JSON becomes what the page for Prometheus would have said."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest

from observer.errors import Malformed
from observer.exporter.hikari.meters import meter_families


def tags(**values: list[str]) -> list[dict[str, Any]]:
    return [{"tag": tag, "values": found} for tag, found in values.items()]


def measured(**values: float) -> list[dict[str, Any]]:
    return [{"statistic": statistic, "value": value} for statistic, value in values.items()]


class Actuator:
    """Answers as Spring Boot does, for pools with an equal share of every number."""

    def __init__(self, *pools: str, unit: str = "seconds") -> None:
        self.pools = list(pools)
        self.asked: list[str] = []
        self._meters: dict[str, tuple[dict[str, float], str | None, str]] = {
            "hikaricp.connections": ({"VALUE": 8}, None, "pool"),
            "hikaricp.connections.pending": ({"VALUE": 3}, None, "pool"),
            "hikaricp.connections.timeout": ({"COUNT": 2}, None, "pool"),
            "hikaricp.connections.acquire": ({"COUNT": 9, "TOTAL_TIME": 0.5, "MAX": 0.25}, unit, "pool"),
            "jdbc.connections.max": ({"VALUE": 8}, None, "name"),
            "jvm.memory.used": ({"VALUE": 1}, None, "area"),
        }

    def get(self, path: str) -> str | None:
        self.asked.append(path)
        name, _, query = path.partition("?")
        if not name:
            return json.dumps({"names": list(self._meters)})
        numbers, unit, tag = self._meters[name[1:]]
        pools = self.pools
        if query:
            _, _, pool = parse_qs(query)["tag"][0].partition(":")
            if pool not in pools:
                return None
            pools = []
        available = tags(application=["meals"], **({tag: pools} if pools else {}))
        document = {"name": name[1:], "measurements": measured(**numbers), "availableTags": available}
        return json.dumps(document | ({"baseUnit": unit} if unit else {}))


def read(actuator: Actuator) -> dict[str, float]:
    return {
        f"{family.metric.name}{suffix}{{{body}}}": value
        for family in meter_families(actuator.get) or []
        for suffix, body, value in family.samples
    }


def test_one_pool() -> None:
    """Names, types and labels are the page's; one request for each meter, and none for others."""
    actuator = Actuator("HikariPool-1")
    labels = '{application="meals",pool="HikariPool-1"}'
    assert read(actuator) == {
        f"hikaricp_connections{labels}": 8,
        f"hikaricp_connections_pending{labels}": 3,
        f"hikaricp_connections_timeout_total{labels}": 2,
        f"hikaricp_connections_acquire_seconds_count{labels}": 9,
        f"hikaricp_connections_acquire_seconds_sum{labels}": 0.5,
        f"hikaricp_connections_acquire_seconds_max{labels}": 0.25,
        'jdbc_connections_max{application="meals",name="HikariPool-1"}': 8,
    }
    assert len(actuator.asked) == 6
    families = {family.metric.name: family.metric.type for family in meter_families(actuator.get) or []}
    assert families["hikaricp_connections_acquire_seconds"] == "summary"
    assert families["hikaricp_connections_acquire_seconds_max"] == "gauge"
    assert families["hikaricp_connections_timeout_total"] == "counter"


def test_each_pool_is_asked_for_by_name() -> None:
    """The number without a tag is the sum of pools, which is nobody's; names may hold anything."""
    actuator = Actuator("main", "a:b & ü")
    values = read(actuator)
    assert values['hikaricp_connections{application="meals",pool="main"}'] == 8
    assert values['hikaricp_connections{application="meals",pool="a:b & ü"}'] == 8
    assert "/hikaricp.connections?tag=pool:a:b & ü" in [unquote(path) for path in actuator.asked]
    assert not [key for key in values if "pool=" not in key and "name=" not in key]


def test_a_pool_that_goes_away_meanwhile_is_left_out() -> None:
    """Between two requests a pool may be closed."""
    actuator = Actuator("main", "old")
    answers = actuator.get

    def get(path: str) -> str | None:
        return None if path.endswith("old") else answers(path)

    bodies = {body for family in meter_families(get) or [] for _, body, _ in family.samples}
    assert bodies == {'application="meals",pool="main"', 'application="meals",name="main"'}


def test_other_units_of_time() -> None:
    """Timers are seconds whatever the actuator counts in."""
    values = read(Actuator("main", unit="milliseconds"))
    assert values['hikaricp_connections_acquire_seconds_sum{application="meals",pool="main"}'] == 0.0005


def test_no_endpoint_is_no_family() -> None:
    """It is told from a service without pools."""
    assert meter_families(lambda _: None) is None
    assert meter_families(lambda path: None if path else '{"names": ["jvm.memory.used"]}') == []


@pytest.mark.parametrize("text", ["", "[]", "{}", "<html>", '{"names": 3}'])
def test_what_is_no_actuator_is_told(text: str) -> None:
    """Anything may listen there."""
    with pytest.raises(Malformed, match="actuator"):
        meter_families(lambda _: text)


def test_a_meter_without_measurements_is_told() -> None:
    """Only Spring Boot's form is understood."""
    with pytest.raises(Malformed, match="measurements"):
        meter_families(lambda path: '{"name": "x"}' if path else '{"names": ["hikaricp.connections"]}')
