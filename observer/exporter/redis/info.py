"""The reply to INFO as metrics: fields by a table, keyspaces, commands, errors and the link to the master."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml

from observer.exporter.declaration import Family, MetricDeclaration, label_body, one

if TYPE_CHECKING:
    from collections.abc import Iterator

    from observer.exporter.declaration import MetricType

NAME = "info"

_WORDS = {"ok": 1.0, "fail": 0.0, "err": 0.0, "up": 1.0, "down": 0.0, "yes": 1.0, "no": 0.0}


def _metric(name: str, kind: MetricType, text: str, *labels: str) -> MetricDeclaration:
    return MetricDeclaration(f"redis_{name}", kind, text, "redis", labels, NAME)


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
)
START_TIME = _metric("start_time_seconds", "gauge", "When the server started, in seconds since the epoch.")
DB_KEYS = _metric("db_keys", "gauge", "Keys in the database.", "db")
DB_EXPIRING = _metric("db_keys_expiring", "gauge", "Keys in the database that will expire.", "db")
DB_TTL = _metric("db_avg_ttl_seconds", "gauge", "Average seconds that expiring keys have left.", "db")
COMMANDS = _metric("commands_total", "counter", "Calls of the command.", "cmd")
COMMAND_SECONDS = _metric(
    "commands_duration_seconds_total", "counter", "Seconds spent in the command.", "cmd"
)
COMMAND_REJECTED = _metric(
    "commands_rejected_calls_total", "counter", "Calls rejected before they ran.", "cmd"
)
COMMAND_FAILED = _metric("commands_failed_calls_total", "counter", "Calls that failed while they ran.", "cmd")
ERRORS = _metric("errors_total", "counter", "Replies of this error.", "err")
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

_BY_COMMAND = {
    "calls": (COMMANDS, 1.0),
    "usec": (COMMAND_SECONDS, 1e-6),
    "rejected_calls": (COMMAND_REJECTED, 1.0),
    "failed_calls": (COMMAND_FAILED, 1.0),
}


@dataclass(frozen=True, slots=True)
class Field:
    """A field of INFO as a metric."""

    metric: MetricDeclaration
    scale: float


@cache
def fields() -> tuple[dict[str, Field], dict[str, Field]]:
    """The plain fields, and those of a replica about its master, as ``info.yaml`` declares them."""
    raw = yaml.safe_load((files("observer.exporter.redis") / "info.yaml").read_text(encoding="utf-8"))
    return _fields(raw["fields"], ()), _fields(raw["of_master"], _MASTER)


def _fields(raw: dict[str, Any], labels: tuple[str, ...]) -> dict[str, Field]:
    found = {}
    for field, metrics in raw.items():
        [(name, about)] = metrics.items()
        kind: MetricType = "counter" if "counter" in about else "gauge"
        found[field] = Field(_metric(name, kind, about[kind], *labels), about.get("scale", 1))
    return found


def declared() -> tuple[MetricDeclaration, ...]:
    """Every metric that INFO yields."""
    plain, of_master = fields()
    return (
        *(field.metric for field in (*plain.values(), *of_master.values())),
        *(INSTANCE, START_TIME, DB_KEYS, DB_EXPIRING, DB_TTL, COMMANDS, COMMAND_SECONDS, COMMAND_REJECTED),
        *(COMMAND_FAILED, ERRORS, LINK_UP, REPLICA_OFFSET, REPLICA_LAG),
    )


def parse(reply: bytes) -> dict[str, str]:
    """INFO's fields by name."""
    # Not splitlines: scripts name errors as they like, with separators that only Unicode knows.
    lines = reply.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))


def families(info: dict[str, str], *, now: float) -> Iterator[Family]:
    """The families of INFO's fields.

    Args:
        info: From `parse`.
        now: Seconds since the epoch.
    """
    plain, of_master = fields()
    for name, field in plain.items():
        if (value := _number(info.get(name))) is not None:
            yield one(field.metric, _scaled(value, field.scale))
    yield one(INSTANCE, 1, label_body(INSTANCE.labels, [info.get(label, "") for label in INSTANCE.labels]))
    if (uptime := _number(info.get("uptime_in_seconds"))) is not None:
        # The server tells whole seconds; the start must not move by one with every reading.
        started = _number(info.get("server_time_usec"))
        yield one(START_TIME, round((started / 1e6 if started else now) - uptime))
    if info.get("role") == "slave":
        body = label_body(_MASTER, (info.get("master_host"), info.get("master_port")))
        yield one(LINK_UP, int(info.get("master_link_status") == "up"), body)
        for name, field in of_master.items():
            if (value := _number(info.get(name))) is not None:
                yield one(field.metric, value, body)
    yield from _keyspaces(info)
    yield from _commands(info)
    yield from _replicas(info)


def _keyspaces(info: dict[str, str]) -> Iterator[Family]:
    """``db0:keys=5,expires=2,avg_ttl=1000``"""
    rows = {
        name: _pairs(value) for name, value in info.items() if name.startswith("db") and name[2:].isdigit()
    }
    for metric, key, scale in ((DB_KEYS, "keys", 1), (DB_EXPIRING, "expires", 1), (DB_TTL, "avg_ttl", 0.001)):
        yield Family(
            metric,
            [
                ("", label_body(("db",), (db,)), _scaled(value, scale))
                for db, pairs in rows.items()
                if (value := _number(pairs.get(key))) is not None
            ],
        )


def _commands(info: dict[str, str]) -> Iterator[Family]:
    """``cmdstat_get:calls=1,usec=2,usec_per_call=2.00,rejected_calls=0,failed_calls=0``"""
    rows = [
        (label_body(("cmd",), (name.removeprefix("cmdstat_"),)), _pairs(value))
        for name, value in info.items()
        if name.startswith("cmdstat_")
    ]
    for key, (metric, scale) in _BY_COMMAND.items():
        yield Family(
            metric,
            [
                ("", body, _scaled(value, scale))
                for body, pairs in rows
                if (value := _number(pairs.get(key))) is not None
            ],
        )
    yield Family(
        ERRORS,
        [
            ("", label_body(("err",), (name.removeprefix("errorstat_"),)), int(_pairs(value).get("count", 0)))
            for name, value in info.items()
            if name.startswith("errorstat_")
        ],
    )


def _replicas(info: dict[str, str]) -> Iterator[Family]:
    """``slave0:ip=10.0.0.2,port=6379,state=online,offset=1000,lag=0``"""
    rows = [_pairs(value) for name, value in info.items() if name.startswith("slave") and name[5:].isdigit()]
    for metric, key in ((REPLICA_OFFSET, "offset"), (REPLICA_LAG, "lag")):
        yield Family(
            metric,
            [
                ("", label_body(metric.labels, (row.get("ip"), row.get("port"), row.get("state"))), value)
                for row in rows
                if (value := _number(row.get(key))) is not None
            ],
        )


def _pairs(text: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in text.split(",") if "=" in pair)


def _number(text: str | None) -> float | None:
    if text is None:
        return None
    if text in _WORDS:
        return _WORDS[text]
    try:
        return float(text)
    except ValueError:
        return None


def _scaled(value: float, scale: float) -> float:
    return (int(value) if value.is_integer() else value) if scale == 1 else value * scale
