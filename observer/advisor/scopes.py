"""Names in a query block: what an alias, a column or an expression stands for in the schema."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from postgast import pg_query_pb2 as pb

from observer.advisor.indexes import Key
from observer.advisor.tree import Node, expression_text, inner, strings, walk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from observer.advisor.access import Condition, Predicate, Slot
    from observer.advisor.schema import Relation, Schema

Source = tuple[int, str]
"""A column of an access: its number and the column's name."""

_AGGREGATES = frozenset(
    {
        "count",
        "sum",
        "avg",
        "min",
        "max",
        "array_agg",
        "string_agg",
        "bool_and",
        "bool_or",
        "json_agg",
        "jsonb_agg",
    }
)


@dataclass(slots=True)
class OpenAccess:
    """An access that is still being filled."""

    relation: Relation
    conditions: list[Condition] = field(default_factory=list)
    predicates: list[Predicate] = field(default_factory=list)
    orders: list[tuple[Key, ...]] = field(default_factory=list)
    groups: list[tuple[Key, ...]] = field(default_factory=list)
    columns: set[str] = field(default_factory=set)
    whole_row: bool = False
    limited: bool = False


@dataclass(slots=True)
class Scope:
    """Names that are visible in one query block."""

    tables: dict[str, int] = field(default_factory=dict)
    derived: dict[str, dict[str, Source | None]] = field(default_factory=dict)
    ctes: dict[str, dict[str, Source | None]] = field(default_factory=dict)
    parent: Scope | None = None


class Names:
    """Looks names up; keeps the accesses that were found."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.accesses: list[OpenAccess] = []
        self.slots: dict[int, Slot] = {}
        self.unresolved: set[str] = set()

    def _visible_ctes(self, scope: Scope | None) -> dict[str, dict[str, Source | None]]:
        seen: dict[str, dict[str, Source | None]] = {}
        while scope is not None:
            seen = {**scope.ctes, **seen}
            scope = scope.parent
        return seen

    def _resolve(self, names: tuple[str, ...], scope: Scope | None) -> Source | None:
        while scope is not None:
            if len(names) >= 2:
                alias, column = names[-2], names[-1]
                if alias in scope.tables:
                    number = scope.tables[alias]
                    return (number, column) if column in self.accesses[number].relation.columns else None
                if alias in scope.derived:
                    return scope.derived[alias].get(column)
            else:
                for number in scope.tables.values():
                    if names[0] in self.accesses[number].relation.columns:
                        return number, names[0]
                for columns in scope.derived.values():
                    if names[0] in columns:
                        return columns[names[0]]
            scope = scope.parent
        return None

    def _sources(self, node: Node, scope: Scope) -> list[Source | None]:
        return [
            self._resolve(tuple(strings(part.fields)), scope)
            for part in walk(node)
            if isinstance(part, pb.ColumnRef)
        ]

    def _key(  # noqa: PLR0911 - one for each reason not to be a key
        self, node: Node, scope: Scope, *, parameters: bool = False
    ) -> tuple[int, Key] | None:
        """The access and the key that an expression is, where an index could hold it."""
        if isinstance(node, pb.ColumnRef):
            source = self._resolve(tuple(strings(node.fields)), scope)
            return (source[0], Key(source[1])) if source else None
        if isinstance(node, pb.A_Const | pb.ParamRef | pb.List | pb.RowExpr | pb.SubLink | pb.GroupingSet):
            return None
        sources = self._sources(node, scope)
        if not sources or None in sources or len({source[0] for source in sources if source}) != 1:
            return None
        for part in walk(node):
            if isinstance(part, pb.SubLink | pb.SQLValueFunction | pb.CaseExpr | pb.GroupingFunc) or (
                isinstance(part, pb.ParamRef) and not parameters
            ):
                return None
            if isinstance(part, pb.FuncCall) and (
                part.agg_star or part.agg_distinct or part.HasField("over")
            ):
                return None
            if isinstance(part, pb.FuncCall) and strings(part.funcname)[-1] in _AGGREGATES:
                return None
        number = next(source[0] for source in sources if source)
        return number, Key(self._text(node, scope), is_column=False)

    def _text(self, node: Node, scope: Scope) -> str:
        def rename(names: tuple[str, ...]) -> str:
            source = self._resolve(names, scope)
            return source[1] if source else names[-1]

        return expression_text(node, rename)


def renamed(outputs: Mapping[str, Source | None], names: list[str]) -> dict[str, Source | None]:
    """Output columns under the names of an alias list, which may be shorter."""
    old = list(outputs)
    return dict(zip([*names, *old[len(names) :]], outputs.values(), strict=False))


def parameter_number(node: Node) -> int:
    """The parameter's number when the node is one, with or without a cast; else 0."""
    while isinstance(node, pb.TypeCast):
        node = inner(node.arg)
    return node.number if isinstance(node, pb.ParamRef) else 0
