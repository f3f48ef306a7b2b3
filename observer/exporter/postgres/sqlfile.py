"""A collector that only asks SQL: one ``.sql`` file, whose header declares what its columns are.

The header is YAML in a comment at the top::

    /*
    collector: locks                  # its name; the file's name without .sql when left out
    prefix: pg_locks_                 # what the metrics' names begin with
    labels: [datname, mode]           # the query's first columns, in this order
    metrics:                          # the following columns, in this order
      count: {gauge: Number of locks.}
    clock: sizes                      # left out: every collection
    requires: {server: ">=140000"}    # left out: every version
    */
    SELECT ...

Several files may declare the same metric for versions that exclude each other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import yaml

from observer.errors import ConfigurationError
from observer.exporter.declaration import Family, MetricDeclaration, MetricType, label_body

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_HEADER = re.compile(r"\s*/\*(.*?)\*/\s*(.*)", re.DOTALL)
_BOUND = re.compile(r"(>=|<)(\d+)")
CLOCKS = ("", "sizes")
"""Names of the intervals at which collectors run; the empty one is every collection."""

_KEYS = {"collector", "prefix", "labels", "metrics", "clock", "requires"}


@dataclass(frozen=True, slots=True)
class SqlCollector:
    """A query and what its columns mean.

    Args:
        name: The collector's.
        query: One statement.
        labels: How many leading columns are labels.
        metrics: What the columns after them are.
        clock: Empty for every collection, else the name of the interval that it runs at.
        at_least: Least ``server_version_num``.
        below: The first ``server_version_num`` that it is not for.
    """

    name: str
    query: bytes
    labels: tuple[str, ...]
    metrics: tuple[MetricDeclaration, ...]
    clock: str
    at_least: int
    below: int

    def fits(self, version: int) -> bool:
        """Whether it is for servers of this version."""
        return self.at_least <= version < self.below

    def families(self, rows: Iterable[Sequence[Any]]) -> list[Family]:
        """The samples of a result.

        Rows with the same labels are one sample: counters are added, of gauges the greatest is taken. NULL
        is no sample.
        """
        return SqlResults(self).families(list(rows))


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

    def families(self, rows: Sequence[Sequence[Any]]) -> list[Family]:
        """The samples of a result, as `SqlCollector.families` makes them."""
        if rows == self._rows:
            return self._families
        labels, metrics = self._collector.labels, self._collector.metrics
        width = len(labels)
        known, bodies = self._bodies, {}
        merged: dict[str, Sequence[Any]] = {}
        for row in rows:
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
            else Family(metrics[index], _samples(merged, column))
            for index, column in enumerate(columns)
        ]
        self._rows, self._bodies, self._columns = rows, bodies, columns
        return self._families

    def _merge(self, held: Sequence[Any], values: Sequence[Any]) -> list[Any]:
        merged = []
        for metric, a, b in zip(self._collector.metrics, held, values, strict=True):
            known = [value for value in (a, b) if value is not None]
            merged.append((sum(known) if metric.type == "counter" else max(known)) if known else None)
        return merged


def _samples(bodies: Iterable[str], column: Iterable[Any]) -> list[tuple[str, str, float]]:
    return [("", body, value) for body, value in zip(bodies, column, strict=True) if value is not None]


def parse(text: str, *, name: str) -> SqlCollector:
    """Read a collector from the text of its file.

    Args:
        text: The file's.
        name: The file's name without its ending; stands in errors.

    Raises:
        ConfigurationError: The header is missing or wrong.
    """
    match = _HEADER.fullmatch(text)
    if match is None:
        raise ConfigurationError(
            f"{name}.sql: does not begin with a header comment /* ... */ before its query"
        )
    try:
        header = yaml.safe_load(match[1])
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{name}.sql: its header is not YAML: {error}") from None
    if not isinstance(header, dict):
        raise ConfigurationError(f"{name}.sql: its header must be a mapping, as in prefix: pg_locks_")
    if not {"prefix", "metrics"} <= set(header) <= _KEYS:
        raise ConfigurationError(
            f"{name}.sql: its header has the keys {', '.join(sorted(map(str, header)))}",
            remedy=f"It needs prefix and metrics, and may have {', '.join(sorted(_KEYS))}.",
        )
    if not isinstance(header["metrics"], dict):
        raise ConfigurationError(f"{name}.sql: metrics must be a mapping, as in count: {{gauge: what it is}}")
    if not isinstance(header.get("labels", []), list):
        raise ConfigurationError(f"{name}.sql: labels must be a list, as in [datname, mode]")
    collector = header.get("collector", name)
    labels = tuple(header.get("labels", ()))
    at_least, below = _bounds(header.get("requires", {}), name)
    return SqlCollector(
        name=collector,
        query=match[2].encode(),
        labels=labels,
        metrics=tuple(
            _declaration(header["prefix"] + column, value, labels, collector, name)
            for column, value in header["metrics"].items()
        ),
        clock=_clock(header.get("clock", ""), name),
        at_least=at_least,
        below=below,
    )


def _declaration(
    metric: str,
    value: object,
    labels: tuple[str, ...],
    collector: str,
    file: str,
) -> MetricDeclaration:
    if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in get_args(MetricType):
        raise ConfigurationError(f"{file}.sql: {metric} must be declared as {{gauge: what it is}}")
    [(kind, text)] = value.items()
    return MetricDeclaration(metric, kind, str(text), "postgres", labels, collector)


def _clock(clock: object, file: str) -> str:
    if clock not in CLOCKS:
        raise ConfigurationError(
            f"{file}.sql: there is no clock {clock!r}",
            remedy=f"Known are {', '.join(filter(None, CLOCKS))}; leave it out for every collection.",
        )
    return str(clock)


def _bounds(requires: object, file: str) -> tuple[int, int]:
    bounds = {">=": 0, "<": 10_000_000}
    text = requires.get("server", "") if isinstance(requires, dict) else requires
    for part in filter(None, str(text).replace(" ", "").split(",")):
        match = _BOUND.fullmatch(part)
        if match is None or not isinstance(requires, dict):
            raise ConfigurationError(f"{file}.sql: requires.server must be like '>=140000,<170000'")
        bounds[match[1]] = int(match[2])
    return bounds[">="], bounds["<"]
