"""The catalogue: which metrics exist, of which type, under which labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from observer.generator import tree
from observer.generator.faults import TemplateError, did_you_mean
from observer.generator.validation import validated

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

TARGET_LABELS = frozenset({"job", "instance"})
"""Prometheus adds them to every sample it scrapes."""

PAGE_LABELS = {
    "postgres": frozenset({"target"}),
    "pgbouncer": frozenset({"target"}),
    "redis": frozenset({"target", "node"}),
    "hikari": frozenset({"target", "replica"}),
}
"""Observer adds them on a page that shows several targets of a kind."""

SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}

MetricType = Literal["counter", "gauge", "histogram", "summary", "untyped"]


class Declaration(Protocol):
    """What the exporter declares of a metric."""

    @property
    def name(self) -> str:
        """As exposed; a name that ends in ``*`` declares a family."""

    @property
    def type(self) -> str:
        """``counter``, ``gauge``, ``histogram``, ``summary`` or ``untyped``."""

    @property
    def help(self) -> str:
        """One sentence."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Its own labels, without those of the page and of the scrape."""

    @property
    def kind(self) -> str:
        """What is observed: ``postgres``, ``pgbouncer``, ``redis``, ``hikari`` or ``observer``."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One name that an expression may select."""

    name: str
    type: str
    labels: frozenset[str]
    kind: str
    """The exporter's kind, or the name of a foreign exporter, or ``recorded``."""


class _MetricSource(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    type: MetricType
    labels: tuple[str, ...] = ()
    help: str = ""


class _ExporterSource(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    exporter: str
    version: str
    metrics: dict[str, _MetricSource]


def _series(name: str, kind_of_type: str, labels: frozenset[str], kind: str) -> Iterable[Metric]:
    """The names under which a metric is exposed."""
    if kind_of_type == "histogram":
        yield Metric(f"{name}_bucket", "counter", labels | {"le"}, kind)
    for suffix in ("_sum", "_count"):
        if suffix in SUFFIXES.get(kind_of_type, ()):
            yield Metric(f"{name}{suffix}", "counter", labels, kind)
    if kind_of_type == "summary":
        yield Metric(name, "gauge", labels | {"quantile"}, kind)
    elif kind_of_type != "histogram":
        yield Metric(name, kind_of_type, labels, kind)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Metrics by name, and families by the beginning of their names."""

    metrics: dict[str, Metric] = field(default_factory=dict)

    def find(self, name: str) -> Metric | None:
        """The metric of that name, or the family that covers it."""
        found = self.metrics.get(name)
        if found is None:
            families = (key for key in self.metrics if key.endswith("*") and name.startswith(key[:-1]))
            found = self.metrics.get(max(families, key=len, default=""))
        return found

    def suggestion(self, name: str) -> str:
        """What the author of an unknown name may have meant."""
        return did_you_mean(name, self.metrics)

    def extended(self, metrics: Iterable[Metric]) -> Catalogue:
        """This catalogue and more metrics, as those that rules record."""
        return Catalogue(self.metrics | {metric.name: metric for metric in metrics})


def from_declarations(declarations: Sequence[Declaration]) -> Catalogue:
    """Observer's own catalogue."""
    return Catalogue(
        {
            metric.name: metric
            for declared in declarations
            for metric in _series(
                declared.name,
                declared.type,
                TARGET_LABELS | PAGE_LABELS.get(declared.kind, frozenset()) | frozenset(declared.labels),
                declared.kind,
            )
        }
    )


def with_foreign(own: Catalogue, folder: Path) -> Catalogue:
    """The catalogue together with the foreign exporters that are written down in a folder.

    Raises:
        TemplateError: A file cannot be understood, or claims a metric that is already known.
    """
    metrics = dict(own.metrics)
    for path in sorted(folder.glob("*.yaml")):
        file = f"rules/catalogue/{path.name}"
        source = validated(_ExporterSource, tree.load(path, file=file), file=file)
        for name, metric in source.metrics.items():
            for series in _series(
                name, metric.type, TARGET_LABELS | frozenset(metric.labels), source.exporter
            ):
                if series.name in metrics:
                    raise TemplateError(
                        file=file,
                        path=f"metrics.{name}",
                        what=f"{series.name} is already declared by {metrics[series.name].kind}",
                        mend="A metric is declared once; remove one of the two.",
                    )
                metrics[series.name] = series
    return Catalogue(metrics)
