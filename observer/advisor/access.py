"""How a statement reaches a table: what it compares, joins, sorts and returns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from observer.advisor.indexes import Key
    from observer.advisor.names import RelationName


class Use(Enum):
    """What a condition does with its key."""

    EQUAL = "equal"
    """Compared with one value."""

    AMONG = "among"
    """IN (list), = ANY(array)."""

    JOIN = "join"
    """Equal to a column of another relation."""

    RANGE = "range"
    """<, <=, >, >=, BETWEEN."""

    PREFIX = "prefix"
    """LIKE 'x%', or LIKE a parameter."""

    IS_NULL = "is null"
    """IS NULL; a B-tree can search for it."""

    SUBSTRING = "substring"
    """A pattern that may begin with anything: ILIKE."""

    INSIDE = "inside"
    """An operator that no B-tree serves: @>, &&, @@, LIKE '%x%', ILIKE, ?."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison on one access.

    Args:
        key: The column or expression that is compared, plain.

        use: What is done with it.

        other: Number of the access on the other side of a join, else -1.

        operator: As written, for example ``@>``.

        arm: 0 for a condition that always holds; conditions of one arm of an OR share a number above 0.

        lost: The expression holds a constant that the server normalised away (``date_trunc($1, at)``).
    """

    key: Key
    use: Use
    other: int = -1
    operator: str = "="
    arm: int = 0
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Predicate:
    """A condition on constants alone, as a partial index would state it."""

    text: str
    column: str
    kind: str
    """``null``, ``not null``, ``boolean``, ``columns`` (two of the row compared) or ``constant``."""
    columns: tuple[str, ...] = ()
    """Of the two that are compared."""


@dataclass(frozen=True, slots=True)
class Access:
    """One mention of a table in one statement.

    Args:
        number: Its place among the statement's accesses.

        orders: Sort orders that an index on this table could deliver.

        groups: Keys of GROUP BY or DISTINCT, when all belong to this table; their order is free.

        columns: Every column that the statement reads here.

        whole_row: Whether it reads all, so that no index can hold what it needs.

        limited: Whether a LIMIT stands on the query that sorts it.

        leading: Whether it is the first relation of the outermost FROM, named directly and only there. HypoPG
        (1.3 to
            1.4.3) keeps a hypothetical index's predicate and expressions as if its table always were:
            elsewhere an
            expression is not recognised, and estimating a predicate can crash the server (HypoPG issue 116).
    """

    number: int
    relation: RelationName
    conditions: tuple[Condition, ...] = ()
    predicates: tuple[Predicate, ...] = ()
    orders: tuple[tuple[Key, ...], ...] = ()
    groups: tuple[tuple[Key, ...], ...] = ()
    columns: frozenset[str] = frozenset()
    whole_row: bool = False
    limited: bool = False
    leading: bool = False


class Role(Enum):
    """Where a parameter of a statement stands."""

    EQUAL = "equal"
    LOW = "low"
    HIGH = "high"
    AMONG = "among"
    PATTERN = "pattern"
    SUBSTRING = "substring"
    """A pattern that may begin with anything: ILIKE."""

    INSIDE = "inside"
    """Contained in, overlapping with, or words to be found in the column."""

    LIMIT = "limit"
    OFFSET = "offset"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Slot:
    """A parameter, and the column it is compared with where there is one."""

    number: int
    role: Role
    relation: RelationName | None = None
    column: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the parse tree says about a statement.

    Args:
        text: The statement to explain: a SELECT, equivalent where the original was UPDATE or DELETE.

        unresolved: Relations that the schema does not have.
    """

    text: str
    accesses: tuple[Access, ...]
    slots: tuple[Slot, ...] = ()
    unresolved: tuple[str, ...] = ()
    relations: tuple[RelationName, ...] = ()
    rewritten: bool = False
    sets: tuple[str, ...] = ()
    """Columns that an UPDATE sets, of the first access."""
