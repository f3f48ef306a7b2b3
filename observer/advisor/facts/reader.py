"""Reads a database's schema in a handful of statements, in one read-only transaction."""

from __future__ import annotations

from collections import defaultdict
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from observer.advisor.indexes import Index, Key
from observer.advisor.names import RelationName
from observer.advisor.schema import Column, ExistingIndex, ForeignKey, Relation, Schema, Writes

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

_DESCENDING, _NULLS_FIRST = 1, 2


def read_schema(connection: psycopg.Connection[Any], mentioned: Iterable[str]) -> Schema:
    """The facts of the database that ``connection`` is on.

    Args:
        connection: In a read-only transaction.

        mentioned: Names of relations that the workload speaks of. Common values and histograms are read for
        these
            alone (and for what views among them read): they are large, and stay in this process.
    """
    version, size, path, extensions, since, _ = _ask(connection, "database")[0]
    rows = _ask(connection, "relations")
    names = {row[0]: RelationName(row[1], row[2]) for row in rows}
    wanted = set(mentioned)
    any_view = any(row[3] == "v" and row[2] in wanted for row in rows)
    detailed = [row[0] for row in rows if any_view or row[2] in wanted]
    oids = list(names)
    columns = _columns(_ask(connection, "columns", relations=oids, detailed=detailed), _rows_of(rows))
    indexes = _indexes(_ask(connection, "indexes", relations=oids), names)
    foreign = defaultdict(list)
    for oid, name, to, key in _ask(connection, "foreign_keys", relations=oids):
        if to in names:
            foreign[oid].append(ForeignKey(name, tuple(key), names[to]))
    parts = defaultdict(list)
    for row in rows:
        if row[12] in names:
            parts[row[12]].append(row[0])
    by_oid = {row[0]: row for row in rows}
    relations = {}
    for row in rows:
        leaves = list(_leaves(row[0], parts))
        relations[names[row[0]]] = Relation(
            name=names[row[0]],
            kind=row[3],
            rows=sum(max(0.0, by_oid[leaf][4]) for leaf in leaves),
            pages=sum(by_oid[leaf][5] for leaf in leaves),
            columns={column.name: column for column in columns[row[0]]},
            indexes=tuple(indexes[row[0]]),
            foreign_keys=tuple(foreign[row[0]]),
            partitions=tuple(names[oid] for oid in parts[row[0]]),
            writes=_writes([by_oid[leaf] for leaf in leaves], since),
            view=row[10] or "",
            readable=row[11],
            divided=row[13],
            visible_pages=sum(by_oid[leaf][14] for leaf in leaves),
        )
    installed = dict(item.split("=", 1) for item in extensions)
    # The role that asks is seldom the one whose statements these are: after its own schemas all others are
    # looked in.
    others = sorted({name.schema for name in relations} - set(path))
    return Schema(relations, (*path, *others), size, installed, version)


def _writes(leaves: list[tuple[Any, ...]], seconds: float) -> Writes:
    inserted, updated, updated_hot, deleted = (sum(row[place] for row in leaves) for place in (6, 7, 8, 9))
    return Writes(inserted, updated, updated_hot, deleted, seconds)


def _ask(connection: psycopg.Connection[Any], name: str, **bound: object) -> list[tuple[Any, ...]]:
    text = files(__package__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
    return connection.execute(text.encode(), bound or None).fetchall()


def _rows_of(rows: list[tuple[Any, ...]]) -> dict[int, float]:
    return {row[0]: row[4] for row in rows}


def _leaves(oid: int, parts: dict[int, list[int]]) -> Iterable[int]:
    if not parts.get(oid):
        yield oid
    for part in parts.get(oid, ()):
        yield from _leaves(part, parts)


def _columns(rows: list[tuple[Any, ...]], counts: dict[int, float]) -> dict[int, list[Column]]:
    found: dict[int, list[Column]] = defaultdict(list)
    for oid, name, type_name, base, category, length, align, not_null, width, distinct, *rest in rows:
        nulls, correlation, values, shares, bounds, bytewise, analyzed = rest
        tuples = max(1.0, counts.get(oid, 0.0))
        scaled = distinct or 0.0
        found[oid].append(
            Column(
                name=name,
                type_name=type_name,
                base_type=base,
                category=category,
                length=length,
                alignment=align,
                not_null=not_null,
                width=width or (length if length > 0 else 32),
                distinct=-scaled * tuples if scaled < 0 else scaled,
                null_fraction=nulls or 0.0,
                correlation=correlation or 0.0,
                common=tuple(zip(values, shares, strict=True)) if values and shares else (),
                bounds=tuple(bounds or ()),
                sorts_bytewise=bool(bytewise),
                analyzed=analyzed,
            )
        )
    return found


def _indexes(rows: list[tuple[Any, ...]], names: dict[int, RelationName]) -> dict[int, list[ExistingIndex]]:
    found: dict[int, list[ExistingIndex]] = defaultdict(list)
    for oid, name, definition, method, size, primary, unique, usable, scans, where, *rest in rows:
        texts, columns, width, options, classes = rest
        keys = tuple(
            Key(
                column or _bare(text),
                is_column=bool(column),
                descending=bool(option & _DESCENDING),
                nulls_first=bool(option & _NULLS_FIRST),
                operator_class=operator_class,
            )
            for text, column, option, operator_class in zip(
                texts[:width], columns[:width], options, classes, strict=True
            )
        )
        index = Index(names[oid], keys, tuple(columns[width:]), _bare(where or ""), method, unique)
        found[oid].append(ExistingIndex(name, index, definition, size, primary, unique, usable, scans))
    return found


def _bare(text: str) -> str:
    """An expression without the parentheses that PostgreSQL puts around it."""
    return text[1:-1] if text.startswith("(") and text.endswith(")") else text
