"""A collector that only asks SQL, and what its results become."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from psycopg import sql

from observer.exporter.declaration import Family, MetricDeclaration, label_body
from observer.exporter.postgres.requirement import Requirement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Scope = Literal["server", "database"]

EXTENSION_SCHEMA = re.compile(rb"\bextension\.")
"""In a query: the schema that the required extension was installed in, wherever that is."""


@dataclass(frozen=True, slots=True)
class Column:
    """Which column of a result a metric is.

    Args:
        name: The column's; counts only where columns are found by name.
        scale: What its values are multiplied by.
        buckets: Upper bounds, rising, of a histogram, whose values are arrays of what was observed.
    """

    name: str
    scale: float = 1
    buckets: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class SqlCollector:
    """A query and what its columns mean.

    Args:
        name: The collector's.
        query: One statement.
        labels: The leading columns that are labels.
        metrics: What the columns after them are.
        columns: Of each metric.
        by_name: Whether columns are found by their names and not by their places.
        clock: Empty for every collection, the name of the interval that it runs at, or that in seconds.
        scope: Whether it runs once for the server or in every database.
        requires: What must hold for it to run.
        enabled: Whether it runs when the settings say nothing of it.
    """

    name: str
    query: bytes
    labels: tuple[str, ...]
    metrics: tuple[MetricDeclaration, ...]
    columns: tuple[Column, ...]
    by_name: bool = False
    clock: str | float = ""
    scope: Scope = "server"
    requires: Requirement = field(default_factory=Requirement)
    enabled: bool = True

    def statement(self, schema: str = "") -> bytes:
        """The query, with the schema of the extension that it needs."""
        if not self.requires.extension:
            return self.query
        return EXTENSION_SCHEMA.sub(
            lambda _: sql.Identifier(schema).as_string(None).encode() + b".", self.query
        )

    def families(self, rows: Iterable[Sequence[Any]], names: Sequence[str] = ()) -> list[Family]:
        """The samples of a result.

        Rows with the same labels are one sample: counters are added, histograms united, of gauges the
        greatest is taken. NULL is no sample.
        """
        return SqlResults(self).families(list(rows), names)


class SqlResults:
    """A collector's results, one after the other: of what is as it was the last time nothing is made anew.

    Most of what is told of hundreds of tables stays the same from one collection to the next, and a family
    that is the same object is not rendered again either.
    """

    def __init__(self, collector: SqlCollector) -> None:
        self._collector = collector
        self._rows: Sequence[Sequence[Any]] | None = None
        self._bodies: dict[Sequence[Any], str] = {}
        self._columns: list[tuple[Any, ...]] = []
        self._families: list[Family] = []

    def families(self, rows: Sequence[Sequence[Any]], names: Sequence[str] = ()) -> list[Family]:
        """The samples of a result, as `SqlCollector.families` makes them.

        Args:
            rows: The result's.
            names: Of its columns; needed where they are found by name.
        """
        if rows == self._rows:
            return self._families
        labels, metrics = self._collector.labels, self._collector.metrics
        width = len(labels)
        known, bodies = self._bodies, {}
        merged: dict[str, Sequence[Any]] = {}
        for row in self._in_order(rows, names) if self._collector.by_name else rows:
            key = row[:width]
            body = known.get(key)
            if body is None:
                body = label_body(labels, key)
            bodies[key] = body
            held = merged.get(body)
            merged[body] = row[width:] if held is None else self._merge(held, row[width:])
        columns = list(zip(*merged.values(), strict=True)) or [()] * len(metrics)
        same_series = list(bodies) == list(known) and len(self._families) == len(metrics)
        self._families = [
            self._families[index]
            if same_series and column == self._columns[index]
            else Family(metrics[index], _samples(merged, column, self._collector.columns[index].buckets))
            for index, column in enumerate(columns)
        ]
        self._rows, self._bodies, self._columns = rows, bodies, columns
        return self._families

    def _in_order(self, rows: Iterable[Sequence[Any]], names: Sequence[str]) -> list[tuple[Any, ...]]:
        """Labels and metrics in the order of the declaration. What the server does not have is NULL."""
        place = {name: index for index, name in enumerate(names)}
        labels = [place.get(name) for name in self._collector.labels]
        values = [(place.get(column.name), column.scale) for column in self._collector.columns]
        return [
            (
                *[None if index is None else row[index] for index in labels],
                *[None if index is None else _number(row[index], scale) for index, scale in values],
            )
            for row in rows
        ]

    def _merge(self, held: Sequence[Any], values: Sequence[Any]) -> list[Any]:
        merged: list[Any] = []
        for metric, a, b in zip(self._collector.metrics, held, values, strict=True):
            known = [value for value in (a, b) if value is not None]
            if not known:
                merged.append(None)
            elif metric.type == "histogram":
                merged.append([observed for value in known for observed in value])
            else:
                merged.append(sum(known) if metric.type == "counter" else max(known))
        return merged


def _samples(
    bodies: Iterable[str], column: Iterable[Any], buckets: Sequence[float]
) -> list[tuple[str, str, float]]:
    if not buckets:
        return [("", body, value) for body, value in zip(bodies, column, strict=True) if value is not None]
    return [
        sample
        for body, observed in zip(bodies, column, strict=True)
        if observed is not None
        for sample in _distribution(body, observed, buckets)
    ]


def _distribution(
    body: str, observed: Sequence[float], buckets: Sequence[float]
) -> list[tuple[str, str, float]]:
    """A histogram's samples: how many observations lie at or below each bound, their sum and number."""
    lead = body and f"{body},"
    return [
        *(
            ("_bucket", f'{lead}le="{bound:g}"', sum(value <= bound for value in observed))
            for bound in buckets
        ),
        ("_bucket", f'{lead}le="+Inf"', len(observed)),
        ("_sum", body, sum(observed)),
        ("_count", body, len(observed)),
    ]


def _number(value: Any, scale: float) -> float | None:  # noqa: ANN401 - whatever stands in a column
    """A value as a number: moments since the epoch and spans in seconds, switches as 0 and 1."""
    if value is None:
        return None
    number: float
    if isinstance(value, datetime):
        number = value.timestamp()
    elif isinstance(value, timedelta):
        number = value.total_seconds()
    elif isinstance(value, Decimal):
        number = int(value) if value == value.to_integral_value() else float(value)
    else:
        number = int(value) if isinstance(value, bool) else value
    return number if scale == 1 else number * scale
