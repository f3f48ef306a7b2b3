"""A plan as EXPLAIN's JSON gives it: its cost, the indexes it reads, and its nodes in few words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from observer.advisor.indexes import Index


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a plan: what it does, on which relation, through which index, at which cost."""

    depth: int
    kind: str
    relation: str
    index: Index | str | None
    cost: float
    rows: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What the planner chose.

    Args:
        cost: The planner's total cost of the statement.

        used: Hypothetical indexes among those it reads.
    """

    cost: float
    used: frozenset[Index]
    nodes: tuple[Node, ...] = ()


def read_plan(document: Any, index_by_name: Callable[[str], Index | str]) -> Plan:  # noqa: ANN401 - EXPLAIN's JSON
    """The plan in EXPLAIN's JSON document."""
    root = document[0]["Plan"]
    nodes: list[Node] = []
    _collect(root, 0, nodes, index_by_name)
    used = frozenset(
        node.index for node in nodes if node.index is not None and not isinstance(node.index, str)
    )
    return Plan(float(root["Total Cost"]), used, tuple(nodes))


def _collect(
    item: dict[str, Any], depth: int, nodes: list[Node], index_by_name: Callable[[str], Index | str]
) -> None:
    name = item.get("Index Name")
    nodes.append(
        Node(
            depth=depth,
            kind=item["Node Type"],
            relation=item.get("Relation Name", ""),
            index=index_by_name(name) if name else None,
            cost=float(item["Total Cost"]),
            rows=float(item["Plan Rows"]),
        )
    )
    for child in item.get("Plans", ()):
        _collect(child, depth + 1, nodes, index_by_name)
