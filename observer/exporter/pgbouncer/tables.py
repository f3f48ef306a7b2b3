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

    def value(self, row: dict[str, Any]) -> float | None:
        """The cell in the metric's unit; ``None`` for one that is not there, empty or no number."""
        number = item_value(row.get(self.name))
        if number is None:
            return None
        if self.micros:
            return number + (item_value(row.get(self.micros)) or 0) / 1e6
        return number if self.scale == 1 else number * self.scale


_WORDS = {"yes": 1, "no": 0}


def item_value(text: object) -> float | None:
    """The number in a cell; ``None`` for one that is not there, empty or no number."""
    if text is None:
        return None
    word = str(text)
    try:
        number = _WORDS[word] if word in _WORDS else float(word)
    except ValueError:
        return None
    return int(number) if number == number // 1 else number


@dataclass(frozen=True, slots=True)
class Table:
    """A SHOW command whose rows are labelled series."""

    command: str
    keys: tuple[str, ...]
    """The columns that tell rows apart."""
    labels: tuple[str, ...]
    """What these columns are called on the page."""
    columns: tuple[Column, ...]

    def families(self, rows: Sequence[dict[str, Any]]) -> list[Family]:
        """The samples of the rows; rows with the same labels are added up."""
        bodies = [label_body(self.labels, [row.get(key) for key in self.keys]) for row in rows]
        families = []
        for column in self.columns:
            merged: dict[str, float] = {}
            for body, row in zip(bodies, rows, strict=True):
                if (value := column.value(row)) is not None:
                    merged[body] = merged.get(body, 0) + value
            families.append(Family(column.metric, [("", body, value) for body, value in merged.items()]))
        return families


@dataclass(frozen=True, slots=True)
class Console:
    """All that is read from a console."""

    tables: tuple[Table, ...]
    items: dict[str, dict[str, tuple[MetricDeclaration, ...]]]
    """By command and item: what its value is."""
    optional: frozenset[str]
    """Commands that older versions do not know."""

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
        optional=frozenset(raw["optional"]),
    )


def _table(command: str, raw: dict[str, Any]) -> Table:
    keys = tuple(raw["labels"])
    labels = tuple(raw["labels"].values()) if isinstance(raw["labels"], dict) else keys
    columns = []
    for column, metrics in raw["columns"].items():
        [(name, about)] = metrics.items()
        metric = _metric(raw["prefix"] + name, about, labels, command)
        columns.append(Column(column, metric, about.get("scale", 1), about.get("micros", "")))
    return Table(command, keys, labels, tuple(columns))


def _metric(name: str, about: dict[str, Any], labels: tuple[str, ...], command: str) -> MetricDeclaration:
    kind: MetricType = "counter" if "counter" in about else "gauge"
    return MetricDeclaration(name, kind, about[kind], "pgbouncer", labels, command.lower())
