"""Asks Prometheus what published dashboards and rules ask, of the metrics that Observer serves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import yaml

FACTS = Path(__file__).resolve().parents[1] / "data" / "published-queries.yaml"


def expressions() -> dict[str, str]:
    """A query for each metric of each collection, by where it is published."""
    found = {}
    for collections in yaml.safe_load(FACTS.read_text("utf-8")).values():
        for title, metrics in collections.items():
            for name, labels in metrics.get("gauges", {}).items():
                found[f"{title}: {name}"] = _grouped("max", name, labels, name)
            for name, labels in metrics.get("counters", {}).items():
                found[f"{title}: {name}"] = _grouped("sum", name, labels, f"rate({name}[2m])")
    return found


def unanswered(prometheus: str) -> list[str]:
    """Where it is published, for each query that finds nothing."""
    with httpx.Client(base_url=prometheus, timeout=10, trust_env=False) as client:
        return [
            where
            for where, expression in expressions().items()
            if not _result(client.get("/api/v1/query", params={"query": expression}).json())
        ]


def _grouped(how: str, metric: str, labels: list[str], value: str) -> str:
    """The value by its labels, each of which must be there: an empty label is a missing one."""
    present = ",".join(f'{label}!=""' for label in labels)
    selected = value.replace(metric, f"{metric}{{{present}}}", 1)
    return f"{how} by ({', '.join(['instance', *labels])}) ({selected})"


def _result(answer: dict[str, Any]) -> list[Any]:
    assert answer["status"] == "success", answer
    result: list[Any] = answer["data"]["result"]
    return result
