"""Pool metrics out of the actuator's JSON, for services that do not expose their page for Prometheus.

``GET /actuator/metrics`` lists names, ``GET /actuator/metrics/NAME?tag=pool:POOL`` has the numbers of one
meter: https://docs.spring.io/spring-boot/api/rest/actuator/metrics.html. Each meter and pool costs a request.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from observer.errors import Malformed
from observer.exporter.declaration import Family, label_body
from observer.exporter.hikari.page import known_metric
from observer.exporter.hikari.text import RESERVED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Get = Callable[[str], str | None]
    """The text at a path below ``/actuator/metrics``; ``None`` where there is nothing."""

_TAGS = {"hikaricp.connections": "pool", "jdbc.connections": "name"}
"""By the beginning of a meter's name: the tag that tells pools apart."""

_SCALES = {"seconds": 1.0, "milliseconds": 1e-3, "nanoseconds": 1e-9}

MOST_POOLS = 20
"""Pools of one service that are read one by one."""


def meter_families(get: Get) -> list[Family] | None:
    """The families of all pools, under the names that the page for Prometheus has; ``None`` without JSON.

    Args:
        get: Asks the service.

    Raises:
        Malformed: An answer is not what Spring Boot's actuator gives.
    """
    listed = get("")
    if listed is None:
        return None
    collected: dict[str, list[tuple[str, str, float]]] = {}
    for name in _names(listed):
        for document, values in _meters(name, get):
            for metric, suffix, value in samples(name, document):
                collected.setdefault(metric, []).append((suffix, _labels(values), value))
    return [
        Family(declaration, found)
        for metric, found in collected.items()
        if (declaration := known_metric(metric)) is not None
    ]


def samples(meter: str, document: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    """Of one meter: each number with the metric and the suffix under which Prometheus knows it."""
    measured = {
        one["statistic"]: float(one["value"]) for one in document["measurements"] if one["value"] is not None
    }
    name = meter.replace(".", "_")
    if "TOTAL_TIME" in measured:
        scale = _SCALES.get(str(document.get("baseUnit")), 1.0)
        yield f"{name}_seconds", "_count", _whole(measured["COUNT"])
        yield f"{name}_seconds", "_sum", measured["TOTAL_TIME"] * scale
        if "MAX" in measured:
            yield f"{name}_seconds_max", "", measured["MAX"] * scale
    elif "COUNT" in measured:
        yield f"{name}_total", "", _whole(measured["COUNT"])
    elif "VALUE" in measured:
        yield name, "", _whole(measured["VALUE"])


def _names(listed: str) -> list[str]:
    document = _parsed(listed)
    names = document.get("names")
    if not isinstance(names, list):
        raise Malformed("the actuator's list of meters has no names")
    return [name for name in names if isinstance(name, str) and _tag(name)]


def _tag(meter: str) -> str:
    return next((tag for beginning, tag in _TAGS.items() if meter.startswith(beginning)), "")


def _meters(meter: str, get: Get) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """A meter as one document for each pool, with the tags that have a single value there."""
    first = _document(get(f"/{meter}"))
    if first is None:
        return
    pools = _tags(first).get(_tag(meter), ())
    if len(pools) < 2:
        yield first, _single(first)
        return
    for pool in sorted(pools)[:MOST_POOLS]:
        document = _document(get(f"/{meter}?tag={quote(f'{_tag(meter)}:{pool}', safe='')}"))
        if document is not None:
            yield document, {**_single(document), _tag(meter): pool}


def _single(document: Mapping[str, Any]) -> dict[str, str]:
    return {tag: values[0] for tag, values in _tags(document).items() if len(values) == 1}


def _tags(document: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    return {one["tag"]: [str(value) for value in one["values"]] for one in document["availableTags"]}


def _labels(values: Mapping[str, str]) -> str:
    """Sorted, as on the page; characters that a name of Prometheus cannot have are underscores there too."""
    names = ["".join(c if c.isascii() and c.isalnum() else "_" for c in tag) for tag in sorted(values)]
    return label_body(
        [f"exported_{name}" if name in RESERVED else name for name in names],
        [values[tag] for tag in sorted(values)],
    )


def _document(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    document = _parsed(text)
    for part, keys in (("measurements", ("statistic", "value")), ("availableTags", ("tag", "values"))):
        items = document.get(part)
        if not isinstance(items, list) or not all(
            isinstance(item, dict) and set(keys) <= item.keys() for item in items
        ):
            raise Malformed(f"the actuator's meter has no {part}")
    return document


def _parsed(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise Malformed("the actuator's answer is not a JSON object")
    return document


def _whole(value: float) -> float:
    return int(value) if value.is_integer() else value
