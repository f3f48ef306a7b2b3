"""Every metric that Observer exports, gathered from where each is declared."""

from __future__ import annotations

from observer.exporter.declaration import MetricDeclaration
from observer.exporter.hikari import source as hikari
from observer.exporter.pgbouncer import source as pgbouncer
from observer.exporter.postgres import settings
from observer.exporter.postgres import source as postgres
from observer.exporter.redis import source as redis
from observer.metrics import declared as own

SETTINGS = MetricDeclaration(
    "pg_settings_*",
    "gauge",
    "A setting of the server; names and units are the server's own.",
    "postgres",
    collector=settings.NAME,
)
"""A name that ends in ``*`` stands for a family of names that the server decides on."""


def catalogue() -> tuple[MetricDeclaration, ...]:
    """All declarations, by name."""
    own_metrics = tuple(
        MetricDeclaration(metric.name, metric.type, metric.help, "observer", metric.labels)
        for metric in own()
    )
    found = (
        *postgres.declared(),
        SETTINGS,
        *pgbouncer.declared(),
        *redis.declared(),
        *hikari.declared(),
        *own_metrics,
    )
    return tuple(sorted({metric.name: metric for metric in found}.values(), key=lambda metric: metric.name))
