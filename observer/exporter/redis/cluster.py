"""A node's view of its cluster: CLUSTER INFO as metrics, and CLUSTER NODES as addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from observer.exporter.redis.info import fields, parse, plain
from observer.exporter.redis.question import Question

if TYPE_CHECKING:
    from observer.exporter.declaration import MetricDeclaration

NAME = "cluster"

_UNUSABLE = frozenset({"noaddr", "handshake"})


def declared() -> tuple[MetricDeclaration, ...]:
    """Every metric of CLUSTER INFO."""
    return tuple(field.metric for field in fields("of_cluster", collector=NAME).values())


def question() -> Question:
    """How the node sees the cluster."""
    return Question(
        NAME,
        (("CLUSTER", "INFO"),),
        lambda first, _, __: list(plain(fields("of_cluster", collector=NAME), parse(first[0]))),
    )


@dataclass(frozen=True, slots=True, order=True)
class Node:
    """Where a node of a cluster is reached.

    Args:
        host: A name where the cluster announces one, else an address.
        port: For clients.
    """

    host: str
    port: int

    @property
    def name(self) -> str:
        """As the label ``node`` shows it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def nodes(reply: str, *, asked: Node) -> list[Node]:
    """The nodes of CLUSTER NODES that have an address, in order.

    ``ID 10.0.0.1:6379@16379,name.example,shard-id=... myself,master - 0 0 1 connected 0-5460``

    Args:
        reply: What the server sent.
        asked: Who was asked; a node that does not know its own address leaves it empty.
    """
    found = set()
    for line in reply.splitlines():
        words = line.split(" ")
        if len(words) < 8:
            continue
        place, flags = words[1], set(words[2].split(","))
        address, *names = place.split(",")
        host, _, port = address.partition("@")[0].rpartition(":")
        named = next((name for name in names[:1] if name and "=" not in name), "")
        if "myself" in flags and not host:
            host = asked.host
        if flags & _UNUSABLE or not host or not port.isdigit() or port == "0":
            continue
        found.add(Node(named or host.strip("[]"), int(port)))
    return sorted(found)
