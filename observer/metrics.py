"""Metrics of Observer itself, each declared once; made by prometheus-client in a registry of their own."""

from __future__ import annotations

import platform
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.registry import Collector

import observer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.metrics import MetricWrapperBase
    from prometheus_client.metrics_core import Metric


class Declared(NamedTuple):
    """A metric of Observer as it stands in the catalogue."""

    name: str
    type: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...]


_FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_SLOW = (0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300)


@dataclass(frozen=True, slots=True)
class Metrics:
    """Every metric of Observer. Make one with `make`."""

    registry: CollectorRegistry
    build_info: Gauge
    target_up: Gauge
    snapshot_timestamp: Gauge
    series: Gauge
    series_dropped: Gauge
    connections: Gauge
    collection_seconds: Histogram
    collector_up: Gauge
    collector_seconds: Gauge
    collector_success_timestamp: Gauge
    collector_errors: Counter
    scrapes: Counter
    scrape_seconds: Histogram
    loop_lag: Gauge
    config_successful: Gauge
    config_timestamp: Gauge
    job_runs: Counter
    job_seconds: Histogram
    job_success_timestamp: Gauge
    store_size: Gauge
    store_bound: Gauge

    @classmethod
    def make(cls) -> Metrics:
        """Metrics in a registry of their own, at 0."""
        registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=registry)
        metrics = cls(
            registry=registry,
            build_info=Gauge(
                "observer_build_info",
                "Version of Observer and of Python; always 1.",
                ("version", "python"),
                registry=registry,
            ),
            target_up=Gauge(
                "observer_target_up",
                "Whether the target answered the last collection.",
                ("kind", "target"),
                registry=registry,
            ),
            snapshot_timestamp=Gauge(
                "observer_snapshot_timestamp_seconds",
                "When the numbers of the target were read, in seconds since the epoch.",
                ("kind", "target"),
                registry=registry,
            ),
            series=Gauge(
                "observer_series",
                "Series of the target on the page.",
                ("kind", "target"),
                registry=registry,
            ),
            series_dropped=Gauge(
                "observer_series_dropped",
                "Series of the metric that are left out because there are more than max_series.",
                ("kind", "target", "metric"),
                registry=registry,
            ),
            connections=Gauge(
                "observer_target_connections",
                "Connections to the target that are held for collecting.",
                ("kind", "target"),
                registry=registry,
            ),
            collection_seconds=Histogram(
                "observer_collection_duration_seconds",
                "How long collections of the target took.",
                ("kind", "target"),
                registry=registry,
                buckets=_FAST,
            ),
            collector_up=Gauge(
                "observer_collector_up",
                "Whether the collector succeeded when it ran last, and the target answers.",
                ("kind", "target", "collector"),
                registry=registry,
            ),
            collector_seconds=Gauge(
                "observer_collector_duration_seconds",
                "How long the collector took when it ran last.",
                ("kind", "target", "collector"),
                registry=registry,
            ),
            collector_success_timestamp=Gauge(
                "observer_collector_last_success_timestamp_seconds",
                "When the collector succeeded last, in seconds since the epoch; gone once that is dropped.",
                ("kind", "target", "collector"),
                registry=registry,
            ),
            collector_errors=Counter(
                "observer_collector_errors",
                "Failures by reason; the collector is empty when the target did not answer at all.",
                ("kind", "target", "collector", "reason"),
                registry=registry,
            ),
            scrapes=Counter(
                "observer_scrapes",
                "Scrapes that were served.",
                ("page",),
                registry=registry,
            ),
            scrape_seconds=Histogram(
                "observer_scrape_duration_seconds",
                "How long it took to answer a scrape.",
                ("page",),
                registry=registry,
                buckets=_FAST,
            ),
            loop_lag=Gauge(
                "observer_event_loop_lag_seconds",
                "By how much the event loop was late last.",
                registry=registry,
            ),
            config_successful=Gauge(
                "observer_config_last_reload_successful",
                "Whether the settings could be used when they were read last.",
                registry=registry,
            ),
            config_timestamp=Gauge(
                "observer_config_last_reload_success_timestamp_seconds",
                "When settings that are in use were read, in seconds since the epoch.",
                registry=registry,
            ),
            job_runs=Counter(
                "observer_job_runs",
                "Runs of scheduled work by outcome: ok, failed, interrupted.",
                ("name", "target", "outcome"),
                registry=registry,
            ),
            job_seconds=Histogram(
                "observer_job_duration_seconds",
                "How long runs of scheduled work took.",
                ("name", "target"),
                registry=registry,
                buckets=_SLOW,
            ),
            job_success_timestamp=Gauge(
                "observer_job_last_success_timestamp_seconds",
                "When scheduled work succeeded last since the start, in seconds since the epoch.",
                ("name", "target"),
                registry=registry,
            ),
            store_size=Gauge(
                "observer_store_size_bytes",
                "Bytes of the store that are in use, as of its last upkeep.",
                registry=registry,
            ),
            store_bound=Gauge(
                "observer_store_bound_bytes",
                "Bytes that the store may use.",
                registry=registry,
            ),
        )
        metrics.build_info.labels(observer.__version__, platform.python_version()).set(1)
        return metrics

    def exposition(self) -> bytes:
        """All of them in the text format, without the time of making that nobody reads."""
        return generate_latest(_WithoutCreated(self.registry))


class _WithoutCreated(Collector):
    """A registry less the ``_created`` series, which double every counter and histogram."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        for family in self._registry.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family


def declared() -> tuple[Declared, ...]:
    """What Observer says of itself, for the catalogue."""
    metrics = Metrics.make()
    wrappers: list[MetricWrapperBase] = [
        getattr(metrics, field.name) for field in fields(metrics) if field.name != "registry"
    ]
    found = []
    for wrapper in wrappers:
        [family] = wrapper.describe()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = tuple(wrapper._labelnames)  # noqa: SLF001 - the library shows labels nowhere else
        kind = cast("Literal['counter', 'gauge', 'histogram']", family.type)
        found.append(Declared(name, kind, family.documentation, labels))
    return tuple(found)
