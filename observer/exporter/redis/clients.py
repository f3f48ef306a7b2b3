"""CLIENT LIST in sum: how many connections each program and user has, and what they hold."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from observer.errors import NotAvailable
from observer.exporter.declaration import Family, MetricDeclaration, label_body
from observer.exporter.redis.question import Question, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from observer.exporter.redis.question import Info, Replies

NAME = "clients"

TOP = 50
"""Groups of clients that have series of their own; the rest is summed."""

MOST = 2000
"""Connections above which the list is not asked for: making it holds the server up for each of them."""

_LABELS = ("client_name", "user", "lib_name")


def _metric(name: str, help_: str) -> MetricDeclaration:
    return MetricDeclaration(f"redis_clients_{name}", "gauge", help_, "redis", _LABELS, NAME)


CONNECTIONS = _metric("connections", "Connections of clients of this name, user and library.")
IDLE = _metric("max_idle_seconds", "Seconds that the connection idle longest has been idle.")
MEMORY = _metric("memory_bytes", "Bytes that the server holds for these connections.")
OUTPUT = _metric("output_memory_bytes", "Bytes of replies that wait for these clients.")


def declared() -> tuple[MetricDeclaration, ...]:
    """Every metric of clients; the names are Observer's."""
    return (CONNECTIONS, IDLE, MEMORY, OUTPUT)


@dataclass(slots=True)
class _Sum:
    connections: int = 0
    idle: int = 0
    memory: int = 0
    output: int = 0

    def add(self, other: _Sum) -> None:
        self.connections += other.connections
        self.idle = max(self.idle, other.idle)
        self.memory += other.memory
        self.output += other.output


def question() -> Question:
    """The list of clients, once INFO has told that it is not too long."""
    return Question(NAME, (), _read, follow=lambda _, info: (("CLIENT", "LIST"),) if _few(info) else ())


def _few(info: Info) -> bool:
    return int(info.get("connected_clients") or 0) <= MOST


def _read(_: Replies, following: Replies, info: Info) -> list[Family]:
    if not following:
        raise NotAvailable(
            f"{info.get('connected_clients')} clients are connected; CLIENT LIST is asked for up to {MOST}",
            remedy="Set clients: false for this server.",
        )
    return families(text(following[0]).split("\n"))


def families(lines: Iterable[str]) -> list[Family]:
    """``id=3 addr=127.0.0.1:5000 name=app age=5 idle=2 db=0 omem=0 tot-mem=2000 user=default lib-name=``"""
    sums: dict[tuple[str, ...], _Sum] = defaultdict(_Sum)
    for line in lines:
        found = dict(word.split("=", 1) for word in line.split(" ") if "=" in word)
        if "id" in found:
            key = (found.get("name", ""), found.get("user", ""), found.get("lib-name", ""))
            numbers = [int(found.get(name) or 0) for name in ("idle", "tot-mem", "omem")]
            sums[key].add(_Sum(1, *numbers))
    ranked = sorted(sums.items(), key=lambda pair: (-pair[1].connections, pair[0]))
    shown = dict(ranked[:TOP])
    for _, rest in ranked[TOP:]:
        shown.setdefault(("other", "", ""), _Sum()).add(rest)
    rows = [(label_body(_LABELS, key), total) for key, total in shown.items()]
    return [
        Family(CONNECTIONS, [("", body, total.connections) for body, total in rows]),
        Family(IDLE, [("", body, total.idle) for body, total in rows]),
        Family(MEMORY, [("", body, total.memory) for body, total in rows]),
        Family(OUTPUT, [("", body, total.output) for body, total in rows]),
    ]
