"""A statement or an index, turned to the copies of its tables."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from postgast import pg_query_pb2 as pb

from observer.advisor.names import RelationName
from observer.advisor.tree import deparse, parse, strings, walk, wrappers

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from observer.advisor.indexes import Index
    from observer.advisor.schema import Schema

TEMPORARY = "pg_temp"
_DEEPEST = 12


class NotMovable(Exception):  # noqa: N818 - reads as a state
    """The statement reads what was not copied."""


def moved(
    text: str,
    schema: Schema,
    copies: Mapping[RelationName, str],
    missing: Collection[str] = (),
) -> str:
    """The statement with each table replaced by its copy, under its old name; views by their query.

    Args:
        text: As the planner of the watched server is asked.

        schema: Where its names are looked up.

        copies: Names of the temporary tables.

        missing: Types that the scratch database does not have; their columns are texts there.

    Raises:
        NotMovable: It reads a table that was not copied.
    """
    tree = parse(text)
    for _ in range(_DEEPEST):
        if not _move_once(tree, schema, copies):
            _as_texts(tree, missing)
            return deparse(tree)
    raise NotMovable("its views are nested too deep")


def _move_once(tree: pb.RawStmt, schema: Schema, copies: Mapping[RelationName, str]) -> bool:
    """Move every table that is named; whether a view was opened, whose tables are still to be moved."""
    ctes = {part.ctename for part in walk(tree) if isinstance(part, pb.CommonTableExpr)}
    opened = False
    for node in list(wrappers(tree)):
        if node.WhichOneof("node") != "range_var":
            continue
        table = node.range_var
        if table.schemaname == TEMPORARY or (not table.schemaname and table.relname in ctes):
            continue
        relation = schema.find(table.relname, table.schemaname)
        alias = table.alias.aliasname or table.relname
        if relation is not None and relation.kind == "v" and relation.view:
            columns = [item.string.sval for item in table.alias.colnames]
            node.range_subselect.subquery.CopyFrom(parse(relation.view).stmt)
            node.range_subselect.alias.aliasname = alias
            for name in columns:
                node.range_subselect.alias.colnames.add().string.sval = name
            opened = True
        elif relation is None or relation.name not in copies:
            raise NotMovable(f"it reads {table.relname}, which was not copied")
        else:
            table.catalogname, table.schemaname = "", TEMPORARY
            table.relname = copies[relation.name]
            table.alias.aliasname = alias
    return opened


def _as_texts(tree: pb.RawStmt, missing: Collection[str]) -> None:
    for part in walk(tree):
        if isinstance(part, pb.TypeName) and strings(part.names)[-1:] and strings(part.names)[-1] in missing:
            del part.names[:]
            for name in ("pg_catalog", "text"):
                part.names.add().string.sval = name


def moved_index(index: Index, copy: str) -> Index:
    """The same index on a copy."""
    return replace(index, relation=RelationName(TEMPORARY, copy))
