"""The reply to INFO as metrics: fields by a table, keyspaces, replicas and the link to the master."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import yaml

from observer.exporter.declaration import Family, MetricDeclaration, label_body, one

if TYPE_CHECKING:
    from collections.abc import Iterator

    from observer.exporter.declaration import MetricType

NAME = "info"

_WORDS = {"ok": 1.0, "fail": 0.0, "err": 0.0, "up": 1.0, "down": 0.0, "yes": 1.0, "no": 0.0}


def _metric(name: str, kind: MetricType, text: str, *labels: str) -> MetricDeclaration:
    return MetricDeclaration(f"redis_{name}", kind, text, "redis", labels, NAME)


_EXTRA = ("valkey_version", "valkey_release_stage", "availability_zone")
"""Labels that stand only where the server tells them."""

INSTANCE = _metric(
    "instance_info",
    "gauge",
    "What the server is; always 1.",
    "role",
    "redis_version",
    "redis_build_id",
    "redis_mode",
    "os",
    "maxmemory_policy",
    "tcp_port",
    "run_id",
    "process_id",
    "master_replid",
    *_EXTRA,
)
START_TIME = _metric("start_time_seconds", "gauge", "When the server started, in seconds since the epoch.")
DB_KEYS = _metric("db_keys", "gauge", "Keys in the database.", "db")
DB_EXPIRING = _metric("db_keys_expiring", "gauge", "Keys in the database that will expire.", "db")
DB_TTL = _metric("db_avg_ttl_seconds", "gauge", "Average seconds that expiring keys have left.", "db")
DB_CACHED = _metric("db_keys_cached", "gauge", "Keys of the database that are in memory.", "db")
DB_SUBEXPIRING = _metric(
    "db_keys_with_expiring_items", "gauge", "Keys of the database with fields that will expire.", "db"
)
_MASTER = ("master_host", "master_port")
LINK_UP = _metric("master_link_up", "gauge", "Whether the link to the master is up.", *_MASTER)
REPLICA_OFFSET = _metric(
    "connected_slave_offset_bytes",
    "gauge",
    "Replication offset that the replica has acknowledged.",
    "slave_ip",
    "slave_port",
    "slave_state",
)
REPLICA_LAG = _metric(
    "connected_slave_lag_seconds",
    "gauge",
    "Seconds since the replica acknowledged last.",
    "slave_ip",
    "slave_port",
    "slave_state",
)

REPLICA_INFO = _metric("slave_info", "gauge", "Whose replica the server is; always 1.", *_MASTER, "read_only")
_BY_DATABASE: tuple[tuple[MetricDeclaration, tuple[str, ...], float], ...] = (
    (DB_KEYS, ("keys",), 1),
    (DB_EXPIRING, ("expires",), 1),
    (DB_TTL, ("avg_ttl",), 0.001),
    (DB_CACHED, ("cached_keys",), 1),
    # Redis and Valkey call it differently.
    (DB_SUBEXPIRING, ("subexpiry", "keys_with_volatile_items"), 1),
)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of INFO as a metric."""

    metric: MetricDeclaration
    scale: float


@cache
def fields(section: str, labels: tuple[str, ...] = (), collector: str = NAME) -> dict[str, Field]:
    """The fields of a section of ``info.yaml`` as metrics.

    Args:
        section: ``fields``, ``of_master``, ``of_sentinel`` or ``of_cluster``.
        labels: Of all its metrics.
        collector: That emits them.
    """
    raw = yaml.safe_load((files("observer.exporter.redis") / "info.yaml").read_text(encoding="utf-8"))
    found = {}
    for field, metrics in raw[section].items():
        [(name, about)] = metrics.items()
        kind: MetricType = "counter" if "counter" in about else "gauge"
        metric = MetricDeclaration(f"redis_{name}", kind, about[kind], "redis", labels, collector)
        found[field] = Field(metric, about.get("scale", 1))
    return found


def declared() -> tuple[MetricDeclaration, ...]:
    """Every metric that INFO yields, but for those of commands."""
    return (
        *(field.metric for field in (*fields("fields").values(), *fields("of_master", _MASTER).values())),
        *(INSTANCE, START_TIME, LINK_UP, REPLICA_INFO, REPLICA_OFFSET, REPLICA_LAG),
        *(metric for metric, _, _ in _BY_DATABASE),
    )


def parse(reply: bytes) -> dict[str, str]:
    """INFO's fields by name."""
    # Not splitlines: scripts name errors as they like, with separators that only Unicode knows.
    lines = reply.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))


def plain(found: dict[str, Field], info: dict[str, str], body: str = "") -> Iterator[Family]:
    """Fields whose value is a number, or a word that means one."""
    for name, field in found.items():
        if (value := number(info.get(name))) is not None:
            yield one(field.metric, scaled(value, field.scale), body)


def families(info: dict[str, str], *, now: float) -> Iterator[Family]:
    """The families of INFO's fields, but for those of commands.

    Args:
        info: From `parse`.
        now: Seconds since the epoch.
    """
    yield from plain(fields("fields"), info)
    yield one(INSTANCE, 1, _instance(info))
    if (uptime := number(info.get("uptime_in_seconds"))) is not None:
        # The server tells whole seconds; the start must not move by one with every reading.
        started = number(info.get("server_time_usec"))
        yield one(START_TIME, round((started / 1e6 if started else now) - uptime))
    if info.get("role") == "slave":
        master = (info.get("master_host"), info.get("master_port"))
        body = label_body(_MASTER, master)
        yield one(LINK_UP, int(info.get("master_link_status") == "up"), body)
        yield one(REPLICA_INFO, 1, label_body(REPLICA_INFO.labels, (*master, info.get("slave_read_only"))))
        yield from plain(fields("of_master", _MASTER), info, body)
    yield from _keyspaces(info)
    yield from _replicas(info)


def _instance(info: dict[str, str]) -> str:
    names = [name for name in INSTANCE.labels if name not in _EXTRA or info.get(name)]
    values = {**info, "redis_mode": mode(info)}
    return label_body(names, [values.get(name, "") for name in names])


def mode(info: dict[str, str]) -> str:
    """``standalone``, ``cluster`` or ``sentinel``; Valkey may call the field otherwise."""
    return info.get("redis_mode") or info.get("server_mode", "")


def _keyspaces(info: dict[str, str]) -> Iterator[Family]:
    """``db0:keys=5,expires=2,avg_ttl=1000``"""
    rows = {
        name: pairs(value) for name, value in info.items() if name.startswith("db") and name[2:].isdigit()
    }
    for metric, keys, scale in _BY_DATABASE:
        yield Family(
            metric,
            [
                ("", label_body(("db",), (db,)), scaled(value, scale))
                for db, found in rows.items()
                if (value := number(next((found[key] for key in keys if key in found), None))) is not None
            ],
        )


def _replicas(info: dict[str, str]) -> Iterator[Family]:
    """``slave0:ip=10.0.0.2,port=6379,state=online,offset=1000,lag=0``"""
    rows = [pairs(value) for name, value in info.items() if name.startswith("slave") and name[5:].isdigit()]
    for metric, key in ((REPLICA_OFFSET, "offset"), (REPLICA_LAG, "lag")):
        yield Family(
            metric,
            [
                ("", label_body(metric.labels, (row.get("ip"), row.get("port"), row.get("state"))), value)
                for row in rows
                if (value := number(row.get(key))) is not None
            ],
        )


def pairs(text: str) -> dict[str, str]:
    """``keys=5,expires=2`` by name."""
    return dict(pair.split("=", 1) for pair in text.split(",") if "=" in pair)


def number(text: str | None) -> float | None:
    """A number, or a word that means one; ``None`` for everything else."""
    if text is None:
        return None
    if text in _WORDS:
        return _WORDS[text]
    try:
        return float(text)
    except ValueError:
        return None


def scaled(value: float, scale: float) -> float:
    """In the unit of the metric; whole numbers stay whole."""
    return (int(value) if value.is_integer() else value) if scale == 1 else value * scale
