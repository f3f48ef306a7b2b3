"""The judge of a set of indexes, apart from every advisor: the planner with hypothetical indexes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from observer.advisor.facts.reader import read_schema
from observer.advisor.shapes import shape_of
from observer.advisor.tree import Unparsable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observer.advisor.report import IndexReport

_TABLES = """
    SELECT relname FROM pg_catalog.pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""

_TWINS = """
    SELECT pg_catalog.pg_get_indexdef(indexrelid) FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
    WHERE c.relnamespace = 'public'::regnamespace
"""


@dataclass(frozen=True, slots=True)
class Picked:
    """A set of indexes, and how often the planner was asked for it."""

    definitions: tuple[str, ...]
    explains: int


def turned(dsn: str, texts: Sequence[str]) -> list[str]:
    """The statements with their FROM lists as Observer turns them, as they are where it cannot read them."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        schema = read_schema(connection, [name for (name,) in connection.execute(_TABLES).fetchall()])
    found = []
    for text in texts:
        try:
            found.append(shape_of(text, schema).text)
        except Unparsable:
            found.append(text)
    return found


def plain(report: IndexReport) -> list[str]:
    """Definitions as HypoPG takes them."""
    return [item.ddl.replace("INDEX CONCURRENTLY ", "INDEX ") for item in report.recommendations]


def judged(dsn: str, texts: Sequence[str], definitions: Sequence[str]) -> tuple[float, int, float]:
    """Cost after over before with twins of the primary keys in both, HypoPG's bytes, the worst statement."""
    pairs = judged_each(dsn, texts, definitions)
    left = sum(after for _, after in pairs) / sum(before for before, _ in pairs)
    return left, size_of(dsn, definitions), max(after / before for before, after in pairs)


def judged_each(dsn: str, texts: Sequence[str], definitions: Sequence[str]) -> list[tuple[float, float]]:
    """Cost of each statement before and after, with twins of the primary keys in both."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        stand_beside_keys(connection)
        before = [planned(connection, text) for text in texts]
        for definition in definitions:
            connection.execute("SELECT * FROM hypopg_create_index(%s)", (definition,))
        return list(zip(before, [planned(connection, text) for text in texts], strict=True))


def stand_beside_keys(connection: psycopg.Connection[Any]) -> None:
    """Put a hypothetical twin beside each index that stands: HypoPG charges no descent."""
    for (definition,) in connection.execute(_TWINS).fetchall():
        connection.execute("SELECT * FROM hypopg_create_index(%s)", (definition,))


def size_of(dsn: str, definitions: Sequence[str]) -> int:
    """Bytes by HypoPG's own estimate."""
    size = 0
    with psycopg.connect(dsn, autocommit=True) as connection:
        for definition in definitions:
            row = connection.execute(
                "SELECT hypopg_relation_size(indexrelid) FROM hypopg_create_index(%s)", (definition,)
            ).fetchone()
            size += row[0] if row else 0
    return size


def planned(connection: psycopg.Connection[Any], text: str) -> float:
    """The planner's cost of a statement."""
    row = connection.execute(f"EXPLAIN (FORMAT JSON) {text}".encode()).fetchone()
    assert row is not None
    return float(row[0][0]["Plan"]["Total Cost"])
