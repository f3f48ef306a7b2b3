"""Representative values for the parameters of a normalised statement, drawn from what ANALYZE knows.

They exist to be planned with and nothing else: they never leave the process.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from observer.advisor.access import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observer.advisor.access import Slot
    from observer.advisor.schema import Column, Schema

VARIANTS = ("a typical value", "a common value", "a rare value")

_PLACES = {
    # Where in a column's order a bound stands: alone, and as one of a pair that makes a range.
    VARIANTS[0]: {"low": 0.9, "high": 0.1, "pair": (0.85, 0.95)},
    VARIANTS[1]: {"low": 0.5, "high": 0.5, "pair": (0.25, 0.75)},
    VARIANTS[2]: {"low": 0.99, "high": 0.01, "pair": (0.945, 0.955)},
}
_DEFAULTS = {
    "bit": "1",
    "bit varying": "1",
    "boolean": "true",
    "bytea": "",
    "character": "day",
    "cidr": "10.0.0.0/8",
    "date": "today",
    "daterange": "empty",
    "inet": "10.0.0.1",
    "int4range": "empty",
    "int8range": "empty",
    "interval": "1 day",
    "json": "{}",
    "jsonb": "{}",
    "jsonpath": "$.key",
    "macaddr": "08:00:2b:01:02:03",
    "money": "1",
    "name": "name",
    "numrange": "empty",
    "point": "(0,0)",
    "regclass": "pg_class",
    "regconfig": "simple",
    "text": "day",  # a unit, for date_trunc and extract; elsewhere as good as any
    "character varying": "day",
    "time with time zone": "12:00+00",
    "time without time zone": "12:00",
    "timestamp with time zone": "now",
    "timestamp without time zone": "now",
    "tsquery": "word",
    "tsrange": "empty",
    "tstzrange": "empty",
    "tsvector": "word",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_PATTERNS = frozenset({Role.PATTERN, Role.SUBSTRING})
_WORD = re.compile(r"[^\W_]{3,}")
_NUMBERS = frozenset({"smallint", "integer", "bigint", "numeric", "real", "double precision", "oid"})


def variants(slots: Sequence[Slot], types: Sequence[str], schema: Schema) -> dict[str, tuple[str, ...]]:
    """By name, literals for all parameters; empty when one of them has no value that could be made up."""
    by_number = {slot.number: slot for slot in slots}
    found = {}
    for variant in VARIANTS:
        values = tuple(
            _value(by_number.get(number), type_name, variant, slots, schema)
            for number, type_name in enumerate(types, 1)
        )
        known = tuple(value for value in values if value is not None)
        if len(known) == len(values):
            found[variant] = known
    return found


def _value(  # noqa: C901, PLR0911 - one for each role
    slot: Slot | None, type_name: str, variant: str, slots: Sequence[Slot], schema: Schema
) -> str | None:
    if slot is None:
        return _default(type_name)
    if slot.role is Role.LIMIT:
        return "20"
    if slot.role is Role.OFFSET:
        return "0"
    column = None
    if slot.relation:
        column = schema.relations[slot.relation].columns.get(slot.column)
    if column is None or not (column.common or column.bounds):
        return _pattern(slot, "word") if slot.role in _PATTERNS else _default(type_name)
    if slot.role in _PATTERNS:
        return _pattern(slot, _equal(column, variant))
    if slot.role is Role.INSIDE:
        return _inside(column, type_name, variant)
    if slot.role is Role.AMONG and type_name.endswith("[]"):
        return _array(column, variant)
    if slot.role in (Role.LOW, Role.HIGH):
        value = _bound(column, slot, variant, slots)
    else:
        value = _equal(column, variant)
    base = column.type_name.split("(", 1)[0]
    if base != type_name and not {base, type_name} <= _NUMBERS | {"text", "character varying", "character"}:
        return value if _alike(base, type_name) else _default(type_name)
    if type_name in ("smallint", "integer", "bigint") and base not in ("smallint", "integer", "bigint"):
        return value.split(".", 1)[0] or "0"
    return value


def _alike(one: str, other: str) -> bool:
    times = ("date", "timestamp with time zone", "timestamp without time zone")
    return one in times and other in times


def _default(type_name: str) -> str | None:
    if type_name in _NUMBERS:
        return "1"
    if type_name.endswith("[]"):
        return "{}"
    return _DEFAULTS.get(type_name)


def _equal(column: Column, variant: str) -> str:
    common = [value for value, _ in column.common]
    if variant == VARIANTS[1] and common:
        return common[0]
    if variant == VARIANTS[2]:
        return column.bounds[1] if len(column.bounds) > 1 else common[-1]
    # The value of the middle row: a common one where common ones fill half of the table.
    seen = 0.0
    for value, share in column.common:
        seen += share
        if seen >= 0.5:
            return value
    return column.bounds[len(column.bounds) // 2] if column.bounds else common[-1]


def _bound(column: Column, slot: Slot, variant: str, slots: Sequence[Slot]) -> str:
    ordered = column.bounds or tuple(sorted(value for value, _ in column.common))
    roles = {other.role for other in slots if (other.relation, other.column) == (slot.relation, slot.column)}
    places = _PLACES[variant]
    if {Role.LOW, Role.HIGH} <= roles:
        pair = places["pair"]
        place = pair[0 if slot.role is Role.LOW else 1]  # type: ignore[index]  # the pair is a tuple
    else:
        place = places["low" if slot.role is Role.LOW else "high"]
    return ordered[min(len(ordered) - 1, int(place * len(ordered)))]


def _array(column: Column, variant: str) -> str:
    values = [value for value, _ in column.common][:3] if variant == VARIANTS[1] else []
    values += column.bounds[len(column.bounds) // 2 :][:3]
    values = values or [value for value, _ in column.common][:3]
    quoted = ('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values)
    return "{" + ",".join(quoted) + "}"


def _inside(column: Column, type_name: str, variant: str) -> str | None:
    """Something to look for in the column's values: a key with its value, an element, a word."""
    value = _equal(column, variant)
    if column.base_type in ("json", "jsonb"):
        return _of_document(value, type_name)
    words = _WORD.findall(value)
    if type_name.endswith("[]"):
        inside = value if value.startswith("{") else "{" + ",".join(words[:1]) + "}"
        return inside if column.category == "A" else "{" + ",".join(words[:2]) + "}"
    if not words:
        return _default(type_name)
    place = {VARIANTS[0]: len(words) // 2, VARIANTS[1]: 0, VARIANTS[2]: len(words) - 1}[variant]
    if type_name in ("text", "character varying", "tsquery"):
        return str(words[place])
    return _default(type_name)


def _of_document(value: str, type_name: str) -> str | None:
    """One key of a JSON document with its value, or the key alone."""
    try:
        document: Any = json.loads(value)
    except ValueError:
        return _default(type_name)
    if not isinstance(document, dict) or not document:
        return _default(type_name)
    plain = [str(key) for key, item in document.items() if not isinstance(item, dict | list)]
    key = plain[0] if plain else str(next(iter(document)))
    if type_name in ("json", "jsonb"):
        return json.dumps({key: document[key]})
    if type_name.endswith("[]"):
        return "{" + json.dumps(key) + "}"
    if type_name == "jsonpath":
        return f"$.{json.dumps(key)}"
    return key


def _pattern(slot: Slot, value: str) -> str:
    fixed = value[:4].replace("\\", "").replace("%", "").replace("_", "")
    return f"%{fixed}%" if slot.role is Role.SUBSTRING else f"{fixed}%"
