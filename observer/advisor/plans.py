"""A plan as EXPLAIN's JSON gives it: its cost, the indexes it reads, and its nodes in few words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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

        luck: What it would cost more if no LIMIT ended early that has to skip nearly all that it reads. The
        planner
            takes for granted that the wanted rows lie evenly in the order of the scan.

        lucky: The indexes whose order such a LIMIT counts on.

        copies: Those of which it reads half of the table's rows or more, as a narrow copy of the table.
    """

    cost: float
    used: frozenset[Index]
    nodes: tuple[Node, ...] = ()
    luck: float = 0.0
    lucky: frozenset[Index] = frozenset()
    copies: frozenset[Index] = frozenset()


_COPY = 0.5
"""Share of a table's rows from which on an index-only scan reads a copy of the table."""

_LUCK = 0.05
"""Share of the rows that it reads which a scan must want in order to be trusted to fill a LIMIT early."""

_LEAST_COST = 0.25
"""Planner cost of a row that an index leads to, where its page is read already."""

_JOINS = frozenset({"Hash Join", "Merge Join", "Nested Loop"})
_PASSES_ON = _JOINS | {
    "Append",
    "Gather",
    "Gather Merge",
    "Incremental Sort",
    "LockRows",
    "Merge Append",
    "Result",
    "Subquery Scan",
    "Unique",
}
"""Nodes that give their first row before they have read all; the first child drives them."""


def read_plan(
    document: Any,  # noqa: ANN401 - EXPLAIN's JSON
    index_by_name: Callable[[str], Index | str],
    rows_of: Callable[[str], float] = lambda _: 0.0,
) -> Plan:
    """The plan in EXPLAIN's JSON document.

    Args:
        document: As ``json`` gives it.

        index_by_name: What is known of an index of that name.

        rows_of: Rows of a table by name; 0 where unknown.
    """
    root = document[0]["Plan"]
    nodes: list[Node] = []
    _collect(root, 0, nodes, index_by_name)
    used = frozenset(
        node.index for node in nodes if node.index is not None and not isinstance(node.index, str)
    )
    copies = frozenset(
        node.index
        for node in nodes
        if node.index in used
        and node.kind == "Index Only Scan"
        and node.rows >= _COPY * rows_of(node.relation) > 0
    )
    luck = 0.0
    lucky = set()
    for surplus, scan in _gambles(root, rows_of):
        luck += surplus
        index = index_by_name(scan["Index Name"]) if "Index Name" in scan else ""
        if not isinstance(index, str):
            lucky.add(index)
    return Plan(float(root["Total Cost"]), used, tuple(nodes), luck, frozenset(lucky), copies)


def _gambles(item: dict[str, Any], rows_of: Callable[[str], float]) -> Iterator[tuple[float, dict[str, Any]]]:
    """The LIMITs that count on luck: what they would cost more without it, and the scan that drives them."""
    children = item.get("Plans", ())
    if item["Node Type"] == "Limit":
        child = children[0]
        scan, skips = _driving_scan(child)
        surplus = float(child["Total Cost"]) - float(item["Total Cost"])
        if scan and skips and surplus > 0:
            read = rows_of(scan.get("Relation Name", ""))
            if "Index Cond" in scan:
                # It leaves an unknown part of them; the scan's cost says how many they can be.
                read = min(read, float(scan["Total Cost"]) / _LEAST_COST)
            if float(child["Plan Rows"]) < _LUCK * read:
                yield surplus, scan
    for child in children:
        yield from _gambles(child, rows_of)


def _driving_scan(item: dict[str, Any]) -> tuple[dict[str, Any] | None, bool]:
    """The scan that gives a node its rows one by one, and whether any are thrown away on the way."""
    skips = False
    while True:
        skips |= item["Node Type"] in _JOINS or "Filter" in item
        if item["Node Type"] not in _PASSES_ON or not item.get("Plans"):
            break
        item = item["Plans"][0]
    streams = item["Node Type"] in ("Seq Scan", "Index Scan", "Index Only Scan")
    return (item if streams else None), skips


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
