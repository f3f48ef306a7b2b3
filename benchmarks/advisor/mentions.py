"""Columns that queries name: what the published advisors take for candidates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import psycopg

_COLUMNS = """
    SELECT a.attname, c.relname FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
"""
_WORD = re.compile(r"\w+")

Columns = tuple[str, ...]
"""An index: names of its columns, which are unique in the database, as in TPC-H and TPC-DS."""


class Mentions:
    """Which columns each query names, and whose they are."""

    def __init__(self, connection: psycopg.Connection[Any], texts: Sequence[str]) -> None:
        self.table_of: Mapping[str, str] = dict(connection.execute(_COLUMNS).fetchall())
        self.columns = [{word for word in _WORD.findall(text) if word in self.table_of} for text in texts]

    def definition(self, index: Columns) -> str:
        """The index as HypoPG takes it."""
        return f"CREATE INDEX ON {self.table_of[index[0]]} ({', '.join(index)})"
