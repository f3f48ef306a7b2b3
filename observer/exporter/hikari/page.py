"""Pool metrics out of a service's metrics page, and what else of it is wanted.

Micrometer writes ``hikaricp_connections_active``, HikariCP's own tracker ``hikaricp_active_connections``;
both come out under Micrometer's names and units.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, get_args

from observer.errors import Malformed
from observer.exporter.declaration import Family, MetricDeclaration, MetricType
from observer.exporter.hikari import text as text_format

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observer.exporter.hikari.text import TextFamily

POOLS = "pools"
"""The collector of the pools' metrics."""

PASSED = "passed"
"""The collector of metrics that are passed on as they are."""

_PREFIXES = ("hikaricp_", "jdbc_connections_")


def _metric(name: str, kind: MetricType, text: str) -> MetricDeclaration:
    return MetricDeclaration(f"hikaricp_{name}", kind, text, "hikari", ("pool",), POOLS)


def _of_spring(name: str, text: str) -> MetricDeclaration:
    return MetricDeclaration(f"jdbc_connections_{name}", "gauge", text, "hikari", ("name",), POOLS)


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
        _of_spring("active", "Connections in use of a data source, as Spring Boot counts them."),
        _of_spring("idle", "Idle connections of a data source, as Spring Boot counts them."),
        _of_spring("max", "Most connections of a data source."),
        _of_spring("min", "Least idle connections of a data source."),
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

_TYPES = frozenset(get_args(MetricType))

_OWN = ("observer_", "pg_", "pgbouncer_", "redis_", "python_", "hikaricp_", "jdbc_connections_")
_OWN_PROCESS = frozenset(
    f"process_{name}"
    for name in (
        "cpu_seconds_total",
        "max_fds",
        "open_fds",
        "resident_memory_bytes",
        "start_time_seconds",
        "virtual_memory_bytes",
    )
)
"""Observer's page has these of Observer itself; under the same name a service's would be taken for them."""


def declared() -> tuple[MetricDeclaration, ...]:
    """Every metric of a pool."""
    return tuple(_DECLARED.values())


def asked_names() -> list[str]:
    """What Spring Boot's parameter ``includedNames`` must hold for all pools.

    Spring Boot 3.3 and later compare the names of families, without the ``_total`` of a counter; earlier ones
    compare those of samples. Names that nobody has cost nothing.
    """
    names: list[str] = []
    for name in (*_DECLARED, *_OTHER_NAMES):
        names += [name, name.removesuffix("_total")]
        if name in _DECLARED and _DECLARED[name].type == "summary":
            names += [f"{name}_count", f"{name}_sum", f"{name}_bucket"]
        elif name.endswith(("_nanos", "_millis")):
            names += [f"{name}_count", f"{name}_sum"]
    return list(dict.fromkeys(names))


def pool_families(text: str) -> list[Family]:
    """The families of HikariCP on a page in the Prometheus text format.

    Raises:
        Malformed: A line of the pool's metrics is not in that format.
    """
    try:
        found = text_format.families(text, lambda name: name.startswith(_PREFIXES))
    except Malformed as error:
        raise Malformed(f"the page's pool metrics are {error.sentence}") from None
    return [known for family in found if (known := _pool_family(family)) is not None]


def passed_families(text: str, patterns: Sequence[str]) -> list[Family]:
    """The families of a page whose names fit one of the patterns, as they are.

    Pools have names of their own, and what Observer's page says of Observer itself is left out.

    Args:
        text: In the Prometheus text format.
        patterns: Names in which ``*`` stands for anything.

    Raises:
        Malformed: A line of such a family is not in that format.
    """

    def wanted(name: str) -> bool:
        if name.startswith(_OWN) or name in _OWN_PROCESS:
            return False
        return any(fnmatchcase(name, pattern) for pattern in patterns)

    try:
        found = text_format.families(text, wanted)
    except Malformed as error:
        raise Malformed(f"the page's other metrics are {error.sentence}") from None
    return [
        Family(
            MetricDeclaration(family.name, _type(family), family.help, "hikari", (), PASSED), family.samples
        )
        for family in found
    ]


def known_metric(name: str) -> MetricDeclaration | None:
    """The declaration of a pool's metric under Micrometer's name."""
    return _DECLARED.get(name)


def has_pools(families: Sequence[Family]) -> bool:
    """Whether HikariCP itself tells of a pool; Spring's own gauges alone do not."""
    return any(family.metric.name.startswith("hikaricp_") for family in families)


def _type(family: TextFamily) -> MetricType:
    kind = family.type
    return kind if kind in _TYPES else "untyped"  # type: ignore[return-value]  # it is one of them


def _pool_family(family: TextFamily) -> Family | None:
    name, scale = _OTHER_NAMES.get(family.name, (family.name, 1.0))
    declaration = _DECLARED.get(name)
    if declaration is None:
        return None
    if family.type == "histogram":
        declaration = MetricDeclaration(name, "histogram", declaration.help, "hikari", ("pool",), POOLS)
    if scale == 1.0:
        return Family(declaration, family.samples)
    # A count has no unit; everything else of a timer has.
    scaled = [
        (suffix, body, value if suffix in ("_count", "_bucket") else value * scale)
        for suffix, body, value in family.samples
    ]
    return Family(declaration, scaled)
