"""Values for parameters, drawn from statistics: of every common type, and such that they find something."""

from __future__ import annotations

import pytest

from observer.advisor.names import RelationName
from observer.advisor.schema import Column, Relation, Schema
from observer.advisor.shapes import shape_of
from observer.advisor.values import VARIANTS, variants

COLUMNS = {
    "name": ("text", "S", ("Spicy lentil soup", "Apple pie", "Zander")),
    "kind": ("text", "S", ("a", "b", "c")),
    "data": ("jsonb", "U", ('{"kind": "offer", "recipe": 7}', '{"kind": "review"}', '{"kind": "x"}')),
    "tags": ("_text", "A", ("{quick,vegan}", "{slow}", "{hot}")),
    "at": (
        "timestamptz",
        "D",
        ("2026-01-01 00:00:00+00", "2026-02-01 00:00:00+00", "2026-03-01 00:00:00+00"),
    ),
    "n": ("int8", "N", ("1", "50", "99")),
}
TYPES = {
    "text": "text",
    "jsonb": "jsonb",
    "_text": "text[]",
    "timestamptz": "timestamp with time zone",
    "int8": "bigint",
}
TABLE = Relation(
    RelationName("public", "things"),
    "r",
    1e5,
    1000,
    {
        name: Column(name, TYPES[base], base, category, -1, 4, False, 16, 500, 0.0, 0.0, bounds=bounds)
        for name, (base, category, bounds) in COLUMNS.items()
    },
)
SCHEMA = Schema({TABLE.name: TABLE})


def values(text: str, *types: str) -> dict[str, tuple[str, ...]]:
    return variants(shape_of(text, SCHEMA).slots, types, SCHEMA)


@pytest.mark.parametrize(
    ("condition", "type_name", "expected"),
    [
        ("data @> $1", "jsonb", '{"kind": "review"}'),
        ("data ? $1", "text", "kind"),
        ("tags @> $1", "text[]", "{slow}"),
        ("tags && $1", "text[]", "{slow}"),
        ("to_tsvector('english', name) @@ plainto_tsquery('english', $1)", "text", "pie"),
        ("name ilike $1", "text", "%Appl%"),
        ("name like $1", "text", "Appl%"),
        ("name like '%' || $1 || '%'", "text", "pie"),
        ("n = $1", "bigint", "50"),
        ("n > $1", "integer", "99"),
        ("at >= $1", "date", "2026-03-01 00:00:00+00"),
    ],
)
def test_a_value_finds_something(condition: str, type_name: str, expected: str) -> None:
    """Of the kind that the operator looks for: a key of a document, an element, a word, a pattern."""
    assert values(f"select * from things where {condition}", type_name)[VARIANTS[0]] == (expected,)


COMMON = (
    *("smallint", "integer", "bigint", "numeric", "real", "money", "boolean", "bit"),
    *("text", "character", "name", "bytea", "date", "interval", "json", "jsonb", "jsonpath", "uuid", "inet"),
    *("cidr", "macaddr", "point", "tsquery", "tsvector", "regclass", "text[]", "uuid[]"),
    *("int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange"),
    "double precision",
    "character varying",
    *(f"{kind} {zone} time zone" for kind in ("time", "timestamp") for zone in ("with", "without")),
)


@pytest.mark.parametrize("type_name", COMMON)
def test_every_common_type_has_a_value(type_name: str) -> None:
    """Also where it is compared with nothing that statistics know of."""
    assert values("select f($1) from things", type_name)


def test_an_unknown_type_has_none() -> None:
    """Such a statement is planned for any value."""
    assert not values("select f($1) from things", "mood")
