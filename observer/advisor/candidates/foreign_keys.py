"""Foreign keys that no index serves: each delete or key update of the other side reads the whole table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.advisor.candidates.candidate import Candidate
from observer.advisor.indexes import Index, Key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from observer.advisor.schema import Relation, Schema


def foreign_keys(schema: Schema) -> Iterator[Candidate]:
    """One for each foreign key whose columns lead no usable index of its table."""
    for relation in schema.relations.values():
        for foreign in relation.foreign_keys:
            if _served(relation, frozenset(foreign.columns)):
                continue
            other = schema.relations.get(foreign.to)
            deleted = other.writes.deleted if other else 0
            note = f"foreign key {foreign.name} to {foreign.to.short}: {deleted} rows were deleted there"
            index = Index(relation.name, tuple(Key(name) for name in foreign.columns))
            yield Candidate(index, "foreign key", priced=False, note=note, kept=deleted > 0)


def _served(relation: Relation, columns: frozenset[str]) -> bool:
    for existing in relation.indexes:
        head = {key.text for key in existing.index.keys[: len(columns)] if key.is_column}
        if (
            existing.usable
            and existing.index.method == "btree"
            and not existing.index.where
            and head == columns
        ):
            return True
    return False
