"""Facts of a database's schema that advice rests on: relations, columns, statistics, indexes, writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from observer.advisor.names import RelationName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from observer.advisor.indexes import Index


@dataclass(frozen=True, slots=True)
class Column:
    """A column with what ANALYZE knows of it.

    Args:
        type_name: As ``format_type`` writes it.

        category: ``pg_type.typcategory``: ``S`` for texts, ``N`` for numbers, ``D`` for dates, ``A`` for
        arrays.

        base_type: The type's name in ``pg_type``, for example ``bpchar``.

        length: ``pg_type.typlen``; -1 for a varying one.

        alignment: In bytes.

        width: Average bytes of a value.

        distinct: Number of distinct values, already scaled to the table; 0 where unknown.

        common: Most common values and their share of the rows. They never leave the process.

        bounds: The histogram's bounds. They never leave the process.

        correlation: Of physical and logical order, -1 to 1; 0 where unknown.

        sorts_bytewise: Whether its collation sorts as C does, so that a plain B-tree serves LIKE 'x%'.
    """

    name: str
    type_name: str
    base_type: str
    category: str
    length: int
    alignment: int
    not_null: bool
    width: int
    distinct: float
    null_fraction: float
    correlation: float
    common: tuple[tuple[str, float], ...] = ()
    bounds: tuple[str, ...] = ()
    sorts_bytewise: bool = True
    analyzed: bool = True


@dataclass(frozen=True, slots=True)
class ExistingIndex:
    """An index that stands on the server.

    Args:
        index: Its definition as a value, for comparison.

        definition: As ``pg_get_indexdef`` writes it, for its hypothetical twin.

        usable: Valid and ready; others serve no reader.
    """

    name: str
    index: Index
    definition: str
    size: int
    primary: bool = False
    unique: bool = False
    usable: bool = True
    scans: int = 0


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A reference from this relation to another."""

    name: str
    columns: tuple[str, ...]
    to: RelationName


@dataclass(frozen=True, slots=True)
class Writes:
    """Rows written since the statistics were last reset, and the seconds since then (0 where unknown)."""

    inserted: int = 0
    updated: int = 0
    updated_hot: int = 0
    deleted: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, partitioned table, materialised view or view.

    Args:
        kind: ``pg_class.relkind``.

        rows: Live rows as the planner believes them; of a partitioned table the sum over its partitions.

        pages: Pages of 8 kB of the main fork.

        view: The text of a view's query, else empty.

        readable: Whether the role may SELECT from it.

        divided: Whether it has partitions or tables that inherit from it: the planner then plans each of
        them.

        visible_pages: Of ``pages`` those that VACUUM has marked all-visible: only there does an index-only
        scan spare the table.
    """

    name: RelationName
    kind: str
    rows: float
    pages: int
    columns: Mapping[str, Column]
    indexes: tuple[ExistingIndex, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    partitions: tuple[RelationName, ...] = ()
    writes: Writes = Writes()
    view: str = ""
    readable: bool = True
    divided: bool = False
    visible_pages: int = 0

    @property
    def is_table(self) -> bool:
        """Whether an index can stand on it."""
        return self.kind in "rpm"

    @property
    def width(self) -> int:
        """Average bytes of a row's values."""
        return sum(column.width for column in self.columns.values())


@dataclass(frozen=True, slots=True)
class Schema:
    """A database's relations, by name, and the order in which unqualified names are looked up."""

    relations: Mapping[RelationName, Relation]
    search_path: tuple[str, ...] = ("public",)
    size: int = 0
    extensions: Mapping[str, str] = field(default_factory=dict)
    server_version: int = 150000
    block_size: int = 8192

    def partitions_of(self, relation: Relation) -> tuple[RelationName, ...]:
        """Its partitions, where each can take an index by itself; none where one is partitioned in turn."""
        nested = any(self.relations[name].partitions for name in relation.partitions)
        return () if nested else relation.partitions

    def rows_of(self, name: str) -> float:
        """Rows of the largest relation of this name, in whichever schema."""
        return max((one.rows for one in self.relations.values() if one.name.name == name), default=0.0)

    def find(self, name: str, schema: str = "") -> Relation | None:
        """The relation that a statement means, or None."""
        for candidate in (schema,) if schema else self.search_path:
            found = self.relations.get(RelationName(candidate, name))
            if found:
                return found
        return None
