"""Puts a relation first in FROM: only there HypoPG recognises predicates and expressions."""

from __future__ import annotations

from postgast import pg_query_pb2 as pb

from observer.advisor.tree import Node, inner, walk

_TURNED = {pb.JOIN_INNER: pb.JOIN_INNER, pb.JOIN_LEFT: pb.JOIN_RIGHT, pb.JOIN_RIGHT: pb.JOIN_LEFT}


def lead(select: pb.SelectStmt, schema: str, name: str) -> bool:
    """Reorder the outermost FROM in place so that the relation comes first; whether that was possible.

    The result means the same: only the order of items and the sides of joins change. ``SELECT *`` then yields
    its
    columns in another order, which EXPLAIN does not care about.
    """
    if any(isinstance(part, pb.RangeSubselect | pb.RangeFunction) and part.lateral for part in walk(select)):
        return False
    items = list(select.from_clause)
    for place, item in enumerate(items):
        if _turn(inner(item), schema, name):
            copies = [pb.Node() for _ in items]
            for copy, source in zip(copies, [item, *items[:place], *items[place + 1 :]], strict=True):
                copy.CopyFrom(source)
            del select.from_clause[:]
            select.from_clause.extend(copies)
            return True
    return False


def _turn(node: Node, schema: str, name: str) -> bool:
    """Bring the relation to the far left of a join tree; whether it is in there."""
    if isinstance(node, pb.RangeVar):
        return node.relname == name and node.schemaname in ("", schema)
    if not isinstance(node, pb.JoinExpr):
        return False
    if _turn(inner(node.larg), schema, name):
        return True
    if node.jointype not in _TURNED or not _turn(inner(node.rarg), schema, name):
        return False
    left = pb.Node()
    left.CopyFrom(node.larg)
    node.larg.CopyFrom(node.rarg)
    node.rarg.CopyFrom(left)
    node.jointype = _TURNED[node.jointype]
    return True
