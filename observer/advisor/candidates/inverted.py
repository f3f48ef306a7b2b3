"""GIN: containment in jsonb and arrays, full text, trigrams. HypoPG cannot price them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from observer.advisor.access import Use
from observer.advisor.candidates.candidate import Candidate
from observer.advisor.indexes import Index, Key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from observer.advisor.access import Access, Condition
    from observer.advisor.schema import Relation

_PATTERN = frozenset({"~~", "~~*", "~", "~*", "%", "<%"})
_UNPRICED = "HypoPG cannot price this access method: a hypothesis until it is tried on a copy"


def inverted(access: Access, relation: Relation) -> Iterator[Candidate]:
    """One for each condition that only an inverted index serves."""
    for condition in access.conditions:
        if condition.use is not Use.INSIDE:
            continue
        key = _key(condition, relation)
        if key and condition.lost:
            key = replace(key, text=guessed(key.text))
        if key:
            needs = "pg_trgm" if key.operator_class == "gin_trgm_ops" else ""
            note = _UNPRICED
            if condition.lost:
                note += LOST
            yield Candidate(
                Index(relation.name, (key,), method="gin"), "inverted", priced=False, needs=needs, note=note
            )


LOST = "; the server keeps no constants: compare the ones in this definition with those your program sends"

_PARAMETER = re.compile(r"\$\d+")
_GUESSES = (("to_tsvector(", "'english'"), ("date_trunc(", "'day'"), ("date_part(", "'year'"))


def guessed(text: str) -> str:
    """An expression with a likely constant in the place of each parameter that stands for a lost one."""
    likely = next((value for head, value in _GUESSES if head in text), "'key'")
    return _PARAMETER.sub(lambda _: likely, text)


def _key(condition: Condition, relation: Relation) -> Key | None:  # noqa: PLR0911 - one for each type
    key, operator = condition.key, condition.operator
    column = relation.columns.get(key.text) if key.is_column else None
    if operator in _PATTERN and (column is None or column.category == "S"):
        return Key(key.text, key.is_column, operator_class="gin_trgm_ops")
    if operator == "@@":
        return key if column is None or column.base_type == "tsvector" else None
    if column is None:
        return None
    if column.base_type == "jsonb" and operator in ("@>", "@?", "@@"):
        return Key(key.text, operator_class="jsonb_path_ops")
    if column.base_type == "jsonb" and operator in ("?", "?|", "?&"):
        return key
    if column.category == "A" and operator in ("@>", "&&", "<@"):
        return key
    return None
