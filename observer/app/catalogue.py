"""Every metric on the page: what the exporter declares, the way to Slack, and the process itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from observer.exporter import catalogue as exporter
from observer.exporter.declaration import MetricDeclaration
from observer.incidents import metrics as incidents
from observer.slack import recorder as slack

if TYPE_CHECKING:
    from observer.exporter.declaration import MetricType

TELLING = "slack"
"""Stands where a collector's name would: these are there while the section ``slack`` of the settings is."""

_PROCESS: tuple[tuple[str, MetricType, str], ...] = (
    ("process_cpu_seconds_total", "counter", "Processor time of Observer, user and system, in seconds."),
    ("process_max_fds", "gauge", "Files that Observer may have open."),
    ("process_open_fds", "gauge", "Files that Observer has open."),
    ("process_resident_memory_bytes", "gauge", "Resident memory of Observer."),
    ("process_start_time_seconds", "gauge", "When Observer was started, in seconds since the epoch."),
    ("process_virtual_memory_bytes", "gauge", "Virtual memory of Observer."),
)
"""As prometheus-client exports them, on Linux only."""


def catalogue() -> tuple[MetricDeclaration, ...]:
    """All declarations, by name."""
    told = tuple(
        MetricDeclaration(
            metric.name, cast("MetricType", metric.kind), metric.help, "observer", metric.labels, TELLING
        )
        for metric in (*incidents.METRICS, *incidents.BACKLOG, *slack.METRICS)
    )
    process = tuple(MetricDeclaration(name, kind, text, "observer") for name, kind, text in _PROCESS)
    return tuple(sorted((*exporter.catalogue(), *told, *process), key=lambda metric: metric.name))
