"""SHOW CLIENTS and SHOW SERVERS in sum: who is connected, in which state, and who waits longest."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from observer.exporter.declaration import Family, MetricDeclaration, label_body

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TOP = 100
"""Applications of a database and user that have series of their own; the rest is summed."""

_WHO = ("database", "user", "application_name")
_LABELS = (*_WHO, "state")

OTHER = "other"


def _metric(name: str, text: str, command: str, labels: tuple[str, ...]) -> MetricDeclaration:
    return MetricDeclaration(f"pgbouncer_{name}", "gauge", text, "pgbouncer", labels, command)


CLIENTS = _metric("client_connections", "Client connections in this state.", "clients", _LABELS)
SERVERS = _metric(
    "server_connections",
    "Server connections in this state; the application is their client's.",
    "servers",
    _LABELS,
)
WAIT = _metric(
    "client_longest_wait_seconds",
    "Seconds that the client waiting longest has waited; 0 when none waits.",
    "clients",
    _WHO,
)

COMMANDS = {"CLIENTS": (CLIENTS, WAIT), "SERVERS": (SERVERS,)}
"""What each command yields."""


def declared() -> tuple[MetricDeclaration, ...]:
    """Every metric of connections."""
    return (CLIENTS, WAIT, SERVERS)


def families(command: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[Family]:
    """Connections by who has them.

    Args:
        command: One of `COMMANDS`.
        names: The columns; every version has its own.
        rows: Their values.
    """
    at = {name: index for index, name in enumerate(names)}
    wanted = [at.get(name) for name in _LABELS]
    counts: Counter[tuple[str, ...]] = Counter(
        tuple("" if index is None else str(row[index] or "") for index in wanted) for row in rows
    )
    shown = _shown(counts)
    merged: Counter[tuple[str, ...]] = Counter()
    for key, number in counts.items():
        merged[_of(key, shown)] += number
    metric, *waits = COMMANDS[command]
    yield Family(metric, [("", label_body(_LABELS, key), number) for key, number in merged.items()])
    for wait in waits:
        longest: dict[tuple[str, ...], float] = defaultdict(float)
        for key in merged:
            longest[key[:3]] += 0.0
        for row in rows:
            key = tuple("" if index is None else str(row[index] or "") for index in wanted)
            if key[3] == "waiting":
                who = _of(key, shown)[:3]
                longest[who] = max(longest[who], _seconds(row, at))
        yield Family(wait, [("", label_body(_WHO, who), seconds) for who, seconds in longest.items()])


def _shown(counts: Counter[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """Who has series of their own: of each database and user the applications with most connections."""
    totals: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for (database, user, application, _), number in counts.items():
        totals[database, user][application] += number
    return {
        (*pool, application)
        for pool, applications in totals.items()
        for application, _ in sorted(applications.items(), key=lambda pair: (-pair[1], pair[0]))[:TOP]
    }


def _of(key: tuple[str, ...], shown: set[tuple[str, ...]]) -> tuple[str, ...]:
    return key if key[:3] in shown else (*key[:2], OTHER, key[3])


def _seconds(row: Sequence[Any], at: dict[str, int]) -> float:
    whole, micros = (row[at[name]] if name in at else 0 for name in ("wait", "wait_us"))
    return float(whole or 0) + float(micros or 0) / 1e6
