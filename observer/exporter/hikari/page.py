"""Pool metrics out of a service's metrics page.

Micrometer writes ``hikaricp_connections_active``, HikariCP's own tracker ``hikaricp_active_connections``;
both come out under Micrometer's names and units.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from observer.errors import Malformed
from observer.exporter.declaration import Family, MetricDeclaration, label_body

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from observer.exporter.declaration import MetricType

_PREFIX = "hikaricp_"


def _metric(name: str, kind: MetricType, text: str) -> MetricDeclaration:
    return MetricDeclaration(f"hikaricp_{name}", kind, text, "hikari", ("pool",), "pools")


_DECLARED = {
    metric.name: metric
    for metric in (
        _metric("connections", "gauge", "Connections of the pool."),
        _metric("connections_active", "gauge", "Connections in use."),
        _metric("connections_idle", "gauge", "Connections that are idle."),
        _metric("connections_pending", "gauge", "Threads that wait for a connection."),
        _metric("connections_max", "gauge", "Most connections of the pool."),
        _metric("connections_min", "gauge", "Least idle connections of the pool."),
        _metric(
            "connections_timeout_total", "counter", "Times that a thread waited for a connection in vain."
        ),
        _metric("connections_acquire_seconds", "summary", "Seconds that threads waited for a connection."),
        _metric("connections_acquire_seconds_max", "gauge", "Longest recent wait for a connection."),
        _metric("connections_usage_seconds", "summary", "Seconds that connections were held."),
        _metric("connections_usage_seconds_max", "gauge", "Longest that a connection was held recently."),
        _metric("connections_creation_seconds", "summary", "Seconds that it took to make a connection."),
        _metric(
            "connections_creation_seconds_max", "gauge", "Longest that making a connection took recently."
        ),
    )
}

_OTHER_NAMES = {
    "hikaricp_active_connections": ("hikaricp_connections_active", 1.0),
    "hikaricp_idle_connections": ("hikaricp_connections_idle", 1.0),
    "hikaricp_pending_threads": ("hikaricp_connections_pending", 1.0),
    "hikaricp_max_connections": ("hikaricp_connections_max", 1.0),
    "hikaricp_min_connections": ("hikaricp_connections_min", 1.0),
    "hikaricp_connection_timeout_total": ("hikaricp_connections_timeout_total", 1.0),
    "hikaricp_connection_acquired_nanos": ("hikaricp_connections_acquire_seconds", 1e-9),
    "hikaricp_connection_usage_millis": ("hikaricp_connections_usage_seconds", 1e-3),
    "hikaricp_connection_creation_millis": ("hikaricp_connections_creation_seconds", 1e-3),
}


def declared() -> tuple[MetricDeclaration, ...]:
    """Every metric of a pool."""
    return tuple(_DECLARED.values())


def pool_families(text: str) -> list[Family]:
    """The families of HikariCP on a page in the Prometheus text format.

    Raises:
        Malformed: A line of the pool's metrics is not in that format.
    """
    # The library's parser is slow, and a page has thousands of lines about other things.
    # Not splitlines: names of pools may hold separators that only Unicode knows.
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if _is_ours(line)]
    try:
        parsed = list(text_string_to_metric_families("\n".join(lines) + "\n"))
    except (ValueError, KeyError, IndexError) as error:
        raise Malformed(f"the page's pool metrics are not in the Prometheus text format: {error}") from None
    return [family for metric in parsed if (family := _family(metric)) is not None]


def _is_ours(line: str) -> bool:
    if line.startswith("#"):
        words = line.split(None, 3)
        return len(words) > 2 and words[2].startswith(_PREFIX)
    return line.startswith(_PREFIX)


def _family(metric: Metric) -> Family | None:
    name = metric.name + ("_total" if metric.type == "counter" else "")
    name, scale = _OTHER_NAMES.get(name, (name, 1.0))
    declaration = _DECLARED.get(name)
    if declaration is None or not metric.samples:
        return None
    if metric.type == "histogram":
        declaration = MetricDeclaration(name, "histogram", declaration.help, "hikari", ("pool",), "pools")
    samples = []
    for sample in metric.samples:
        suffix = sample.name.removeprefix(metric.name)
        if declaration.type == "counter":
            if suffix != "_total":
                continue
            suffix = ""
        # A count has no unit; everything else of a timer has.
        value = sample.value if suffix in ("_count", "_bucket") else sample.value * scale
        samples.append((suffix, label_body(sample.labels, sample.labels.values()), _whole(value)))
    return Family(declaration, samples)


def _whole(value: float) -> float:
    return int(value) if value.is_integer() else value
