"""The console's tables as they are declared in ``tables.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml

from observer.exporter.declaration import Family, MetricDeclaration, label_body

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observer.exporter.declaration import MetricType


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, and what becomes of it."""

    name: str
    metric: MetricDeclaration
    scale: float
    micros: str
    """The column that holds the microseconds beyond this one's whole seconds; empty for none."""

    def value(self, row: dict[str, Any]) -> float:
        number = float(row[self.name])
        if self.micros:
            return number + float(row.get(self.micros) or 0) / 1e6
        return int(number) if self.scale == 1 else number * self.scale


@dataclass(frozen=True, slots=True)
class Table:
    """A SHOW command whose rows are labelled series."""

    command: str
    labels: tuple[str, ...]
    columns: tuple[Column, ...]

    def families(self, rows: Sequence[dict[str, Any]]) -> list[Family]:
        """The samples of the rows; rows with the same labels are added up."""
        bodies = [label_body(self.labels, [row.get(label) for label in self.labels]) for row in rows]
        families = []
        for column in self.columns:
            merged: dict[str, float] = {}
            for body, row in zip(bodies, rows, strict=True):
                if row.get(column.name) is not None:
                    merged[body] = merged.get(body, 0) + column.value(row)
            families.append(Family(column.metric, [("", body, value) for body, value in merged.items()]))
        return families


@dataclass(frozen=True, slots=True)
class Console:
    """All that is read from a console."""

    tables: tuple[Table, ...]
    items: dict[str, dict[str, tuple[MetricDeclaration, ...]]]
    """By command and item: what its value is."""

    def metrics(self) -> tuple[MetricDeclaration, ...]:
        found = {column.metric.name: column.metric for table in self.tables for column in table.columns}
        for items in self.items.values():
            found |= {metric.name: metric for metrics in items.values() for metric in metrics}
        return tuple(found.values())


@cache
def console() -> Console:
    """What ``tables.yaml`` declares."""
    text = (files("observer.exporter.pgbouncer") / "tables.yaml").read_text(encoding="utf-8")
    raw = yaml.safe_load(text)
    return Console(
        tables=tuple(_table(command, table) for command, table in raw["tables"].items()),
        items={
            command: {
                item: tuple(_metric(name, about, (), command) for name, about in metrics.items())
                for item, metrics in items.items()
            }
            for command, items in raw["items"].items()
        },
    )


def _table(command: str, raw: dict[str, Any]) -> Table:
    labels = tuple(raw["labels"])
    columns = []
    for column, metrics in raw["columns"].items():
        [(name, about)] = metrics.items()
        metric = _metric(raw["prefix"] + name, about, labels, command)
        columns.append(Column(column, metric, about.get("scale", 1), about.get("micros", "")))
    return Table(command, labels, tuple(columns))


def _metric(name: str, about: dict[str, Any], labels: tuple[str, ...], command: str) -> MetricDeclaration:
    kind: MetricType = "counter" if "counter" in about else "gauge"
    return MetricDeclaration(name, kind, about[kind], "pgbouncer", labels, command.lower())
