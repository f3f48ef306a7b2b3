"""An index as a value: keys, order, INCLUDE, predicate, access method; its definition and what it covers."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from observer.advisor.names import quote

if TYPE_CHECKING:
    from observer.advisor.names import RelationName

_NOT_A_WORD = re.compile(r"[^a-z0-9]+")
_LONGEST_NAME = 63


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """One key of an index.

    Args:
        text: A column's name, or the text of an expression.

        is_column: Whether ``text`` is a column's name.

        descending: The order; NULLs come first in a descending key unless ``nulls_first`` says otherwise.

        nulls_first: Where NULLs stand.

        operator_class: Empty for the type's default one.
    """

    text: str
    is_column: bool = True
    descending: bool = False
    nulls_first: bool = False
    operator_class: str = ""

    @property
    def sql(self) -> str:
        """The key as it stands in CREATE INDEX."""
        parts = [quote(self.text) if self.is_column else f"({self.text})"]
        if self.operator_class:
            parts.append(self.operator_class)
        if self.descending:
            parts.append("DESC")
        if self.nulls_first != self.descending:
            parts.append("NULLS FIRST" if self.nulls_first else "NULLS LAST")
        return " ".join(parts)

    def flipped(self) -> Key:
        """The key as a backward scan reads it."""
        return replace(self, descending=not self.descending, nulls_first=not self.nulls_first)

    def plain(self) -> Key:
        """The key in ascending order, NULLs last."""
        return replace(self, descending=False, nulls_first=False)


@dataclass(frozen=True, slots=True, order=True)
class Index:
    """What CREATE INDEX says, without a name."""

    relation: RelationName
    keys: tuple[Key, ...]
    include: tuple[str, ...] = ()
    where: str = ""
    method: str = "btree"
    unique: bool = False
    options: str = ""

    @property
    def body(self) -> str:
        """Everything after ``ON``."""
        text = f"{self.relation}"
        if self.method != "btree":
            text += f" USING {self.method}"
        text += " (" + ", ".join(key.sql for key in self.keys) + ")"
        if self.include:
            text += " INCLUDE (" + ", ".join(quote(name) for name in self.include) + ")"
        if self.options:
            text += f" WITH ({self.options})"
        if self.where:
            text += f" WHERE {self.where}"
        return text

    @property
    def name(self) -> str:
        """A name that says what the index is, unique for its definition, at most 63 bytes.

        A definition that the words alone do not tell (order, INCLUDE, predicate, expression, operator class)
        ends in
        a short digest of it, so that two indexes never share a name.
        """
        words = [self.relation.name, *(key.text for key in self.keys)]
        stem = _NOT_A_WORD.sub("_", "_".join(words).lower()).strip("_")
        plain = all(key == Key(key.text) for key in self.keys)
        if plain and not self.include and not self.where and not self.options and self.method == "btree":
            name = f"{stem}_idx"
            if len(name) <= _LONGEST_NAME and self.relation.name.isascii():
                return name
        digest = hashlib.sha256(self.body.encode()).hexdigest()[:6]
        kind = "" if self.method == "btree" else f"_{self.method}"
        tail = f"{kind}_idx_{digest}"
        return stem[: _LONGEST_NAME - len(tail)].rstrip("_") + tail

    @property
    def definition(self) -> str:
        """The statement for HypoPG, and for reading."""
        return f"CREATE {'UNIQUE ' if self.unique else ''}INDEX ON {self.body}"

    def statement(self, *, concurrently: bool = True) -> str:
        """The statement that builds it."""
        how = "CONCURRENTLY " if concurrently else ""
        return f"CREATE INDEX {how}{quote(self.name)} ON {self.body}"

    @property
    def special(self) -> bool:
        """Whether it has a predicate or an expression: HypoPG knows those on the first of FROM alone."""
        return bool(self.where) or any(not key.is_column for key in self.keys)

    @property
    def columns(self) -> frozenset[str]:
        """The columns that it holds, by name; expressions are not columns."""
        return frozenset(key.text for key in self.keys if key.is_column).union(self.include)

    def starts(self, other: Index) -> bool:
        """Whether this index adds nothing to ``other``.

        Its keys are then a prefix of the other's, in one of the two directions a scan can read, and what
        it holds beside them the other holds too.
        """
        same = self.relation == other.relation and self.method == other.method and self.where == other.where
        if not same or len(self.keys) > len(other.keys):
            return False
        if self.method != "btree":
            return self.keys == other.keys
        head = other.keys[: len(self.keys)]
        if self.keys != head and tuple(key.flipped() for key in self.keys) != head:
            return False
        return set(self.include) <= other.columns
