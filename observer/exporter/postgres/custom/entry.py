"""An entry of ``queries.yaml``: a query, and what each of its columns is to Prometheus."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from observer.exporter.declaration import MetricDeclaration, MetricType
from observer.exporter.postgres.custom.versions import ANY_VERSION, VersionRange

if TYPE_CHECKING:
    from collections.abc import Mapping

Usage: TypeAlias = Literal["LABEL", "COUNTER", "GAUGE", "HISTOGRAM", "MAPPEDMETRIC", "DURATION", "DISCARD"]
USAGES: tuple[str, ...] = get_args(Usage)

_TYPES: dict[str, MetricType] = {
    "COUNTER": "counter",
    "GAUGE": "gauge",
    "HISTOGRAM": "histogram",
    "MAPPEDMETRIC": "gauge",
    "DURATION": "gauge",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What one column is.

    Args:
        name: The column's.
        usage: As ``queries.yaml`` calls it.
        help: Its description.
        mapping: Values by text, for ``MAPPEDMETRIC``.
        versions: Servers on which it is used; elsewhere it is discarded.
    """

    name: str
    usage: Usage
    help: str
    mapping: Mapping[str, float] = field(default_factory=dict)
    versions: VersionRange = ANY_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A query and its columns.

    Args:
        name: Its key in the file: what the names of its metrics begin with.
        query: One statement.
        columns: By name, as the file has them; columns of the result that it does not name are untyped.
        clock: Seconds for which a result is kept; 0 asks at every collection.
        everywhere: Whether it is asked in every database, not in the connected one alone.
        versions: Servers that it is asked of.
        left_out: Names of metrics that are there already.
    """

    name: str
    query: bytes
    columns: Mapping[str, Column]
    clock: float
    everywhere: bool
    versions: VersionRange = ANY_VERSION
    left_out: frozenset[str] = frozenset()

    @property
    def labels(self) -> tuple[str, ...]:
        """The columns that are labels, in the file's order."""
        return tuple(column.name for column in self.columns.values() if column.usage == "LABEL")

    def declared(self) -> tuple[MetricDeclaration, ...]:
        """Its metrics, but for columns that the file does not name."""
        return tuple(self.metric(column.name) for column in self.columns.values() if column.usage in _TYPES)

    def metric(self, name: str) -> MetricDeclaration:
        """The metric that a column becomes."""
        column = self.columns.get(name)
        if column is None:
            text = f"Column {name} of {self.name}, whose usage is not declared."
            return MetricDeclaration(
                f"{self.name}_{name}", "untyped", text, "postgres", self.labels, self.name
            )
        suffix = "_milliseconds" if column.usage == "DURATION" else ""
        return MetricDeclaration(
            f"{self.name}_{name}{suffix}",
            _TYPES[column.usage],
            column.help,
            "postgres",
            self.labels,
            self.name,
        )
