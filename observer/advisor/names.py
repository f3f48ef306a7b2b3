"""Identifiers as PostgreSQL writes them: quoted only where they must be."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*\Z")

# Words that PostgreSQL accepts as a column's or table's name only when quoted (appendix C of its manual).
_RESERVED = frozenset(
    """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both
    case
    cast char character check coalesce collate collation column concurrently constraint create cross
    current_catalog
    current_date current_role current_schema current_time current_timestamp current_user dec decimal default
    deferrable desc distinct do else end except exists extract false fetch float for foreign freeze from full
    grant greatest group grouping having ilike in initially inner inout int integer intersect interval into is
    isnull join json json_array json_arrayagg json_object json_objectagg lateral leading least left like limit
    localtime localtimestamp national natural nchar none normalize not notnull null nullif numeric offset on
    only
    or order out outer overlaps overlay placing position precision primary real references returning right row
    select session_user setof similar smallint some substring symmetric system_user table tablesample then
    time
    timestamp to trailing treat trim true union unique user using values varchar variadic verbose when where
    window
    with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot
    xmlserialize
    xmltable
    """.split()  # noqa: SIM905 - a paragraph of words is easier to check against the manual than a list
)


def quote(identifier: str) -> str:
    """The identifier as it must stand in SQL."""
    if _PLAIN.match(identifier) and identifier not in _RESERVED:
        return identifier
    return '"' + identifier.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True, order=True)
class RelationName:
    """A table, view or materialised view by schema and name."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{quote(self.schema)}.{quote(self.name)}"

    @property
    def short(self) -> str:
        """As people say it: without the schema where that is ``public``."""
        return quote(self.name) if self.schema == "public" else str(self)
