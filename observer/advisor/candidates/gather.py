"""All candidates of a statement: every kind is asked, what an index already gives is left out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from observer.advisor.access import Use
from observer.advisor.candidates.brin import brin
from observer.advisor.candidates.btree import key_lists
from observer.advisor.candidates.candidate import Candidate, Limits
from observer.advisor.candidates.covering import included
from observer.advisor.candidates.inverted import LOST, guessed, inverted
from observer.advisor.candidates.partial import predicates
from observer.advisor.indexes import Index

if TYPE_CHECKING:
    from collections.abc import Iterator

    from observer.advisor.access import Access, Shape
    from observer.advisor.schema import Relation, Schema

NOTHING = Limits()

NOT_LEADING = (
    "HypoPG knows predicates and expressions only on the first table of a FROM list, and this statement could"
    " not be turned that way: a hypothesis"
)


def gather(shape: Shape, schema: Schema, limits: Limits = NOTHING) -> tuple[Candidate, ...]:
    """Candidates for a statement, each once, in an order that depends on nothing but the input."""
    found: dict[Index, Candidate] = {}
    for access in shape.accesses:
        relation = schema.relations[access.relation]
        if not relation.is_table or relation.pages < limits.smallest_table:
            continue
        for candidate in _of_access(access, relation, limits):
            if candidate.index.special and candidate.priced and not access.leading:
                candidate = replace(candidate, priced=False, note=NOT_LEADING)  # noqa: PLW2901 - the same, marked
            if not already_there(candidate.index, relation):
                found.setdefault(candidate.index, candidate)
    return tuple(found.values())


def already_there(index: Index, relation: Relation) -> bool:
    """Whether a usable index gives all that ``index`` would: a duplicate, or longer with the same head.

    A partial index is compared with partial ones of the same predicate and with whole ones of the same keys.
    """
    whole = replace(index, where="")
    return any(
        existing.usable
        and (index.starts(replace(existing.index, unique=False)) or whole.starts(existing.index))
        for existing in relation.indexes
    )


def _of_access(  # noqa: C901 - one short branch for each kind
    access: Access, relation: Relation, limits: Limits
) -> Iterator[Candidate]:
    lists = key_lists(access, relation, limits.width)
    for keys in lists:
        yield Candidate(Index(relation.name, keys), "btree")
    if limits.include:
        for keys in lists:
            rest = included(access, keys, relation)
            if rest:
                yield Candidate(Index(relation.name, keys, rest), "covering")
    for predicate in predicates(access, relation, limits.partial):
        for keys in lists:
            fixed = predicate.kind not in ("not null", "columns")
            kept = tuple(key for key in keys if key.text != predicate.column) if fixed else keys
            if kept:
                yield Candidate(Index(relation.name, kept, where=predicate.text), "partial")
                rest = included(access, kept, relation) if limits.include else ()
                # What the predicate says need not be read again: an index-only scan does without its columns.
                rest = tuple(name for name in rest if name not in (predicate.column, *predicate.columns))
                if rest:
                    yield Candidate(Index(relation.name, kept, rest, predicate.text), "partial")
    for index in brin(access, relation):
        yield Candidate(index, "brin")
    yield from inverted(access, relation)
    for condition in access.conditions:
        if condition.lost and condition.use in (Use.EQUAL, Use.AMONG, Use.RANGE):
            key = replace(condition.key, text=guessed(condition.key.text))
            note = "an expression with a constant" + LOST
            yield Candidate(Index(relation.name, (key,)), "expression", priced=False, note=note)
