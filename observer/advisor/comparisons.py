"""Conditions of WHERE and ON, each noted with the access that it narrows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from postgast import pg_query_pb2 as pb

from observer.advisor.access import Condition, Predicate, Role, Slot, Use
from observer.advisor.scopes import Names, Scope, parameter_number
from observer.advisor.tree import Node, children, inner, strings, walk

if TYPE_CHECKING:
    from observer.advisor.indexes import Key
    from observer.advisor.schema import Schema

_RANGES = {"<": Role.HIGH, "<=": Role.HIGH, ">": Role.LOW, ">=": Role.LOW}
_MIRROR = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "@>": "<@", "<@": "@>", "&&": "&&"}
_INSIDE = frozenset({"@>", "<@", "&&", "@@", "?", "?|", "?&", "%", "<%", "~", "~*", "@?", "<->"})


class Comparisons(Names, ABC):
    """Reads conditions; what stands inside them is for the one who reads query blocks."""

    def __init__(self, schema: Schema) -> None:
        super().__init__(schema)
        self.arms = 0

    @abstractmethod
    def _visit(self, node: Node, scope: Scope) -> None:
        """Note every column that an expression reads, and read its subqueries."""

    def _conditions(self, node: Node, scope: Scope, arm: int) -> None:  # noqa: C901 - a branch a node type
        if isinstance(node, pb.BoolExpr) and node.boolop == pb.AND_EXPR:
            for item in node.args:
                self._conditions(inner(item), scope, arm)
            return
        if isinstance(node, pb.BoolExpr) and node.boolop == pb.OR_EXPR:
            for item in node.args:
                self.arms += 1
                self._conditions(inner(item), scope, self.arms)
            return
        self._visit(node, scope)
        if isinstance(node, pb.A_Expr):
            self._comparison(node, scope, arm)
        elif isinstance(node, pb.NullTest):
            self._null_test(node, scope, arm)
        elif isinstance(node, pb.ColumnRef):
            self._boolean(node, node, scope, arm)
        elif isinstance(node, pb.BoolExpr) and isinstance(inner(node.args[0]), pb.ColumnRef):
            self._boolean(inner(node.args[0]), node, scope, arm)
        elif isinstance(node, pb.BooleanTest) and isinstance(inner(node.arg), pb.ColumnRef):
            self._boolean(inner(node.arg), node, scope, arm)
        elif isinstance(node, pb.SubLink) and node.HasField("testexpr"):
            self._any_sublink(node, scope)

    def _any_sublink(self, node: pb.SubLink, scope: Scope) -> None:
        """X IN (SELECT y ...) joins x to y. The subquery itself was read by ``_visit``."""
        key = self._key(inner(node.testexpr), scope)
        if key and node.sub_link_type == pb.ANY_SUBLINK:
            self.accesses[key[0]].conditions.append(Condition(key[1], Use.JOIN, -1))

    def _comparison(  # noqa: C901, PLR0912 - a branch for each kind of comparison
        self, node: pb.A_Expr, scope: Scope, arm: int
    ) -> None:
        operator = strings(node.name)[-1] if node.name else "="
        left, right = inner(node.lexpr), inner(node.rexpr)
        if isinstance(left, pb.RowExpr) and isinstance(right, pb.RowExpr):
            self._row_comparison(left, right, operator, scope, arm)
            return
        if node.kind in (pb.AEXPR_BETWEEN, pb.AEXPR_BETWEEN_SYM):
            self._side(left, right, Use.RANGE, operator, scope, arm, node)
            items = children(right)
            for item, role in zip(items, (Role.LOW, Role.HIGH), strict=False):
                self._slot(item, left, role, scope)
        elif node.kind in (pb.AEXPR_IN, pb.AEXPR_OP_ANY):
            if operator == "=":
                self._side(left, right, Use.AMONG, operator, scope, arm, node)
                for item in [right, *children(right)]:
                    self._slot(item, left, Role.AMONG if node.kind == pb.AEXPR_OP_ANY else Role.EQUAL, scope)
                if node.kind == pb.AEXPR_OP_ANY:
                    self._side(right, left, Use.INSIDE, "@>", scope, arm, node)
        elif node.kind in (pb.AEXPR_LIKE, pb.AEXPR_ILIKE):
            role = Role.SUBSTRING if node.kind == pb.AEXPR_ILIKE else Role.PATTERN
            self._slot(right, left, role, scope)
            self._inside_slots(right, left, scope)
            if not operator.startswith("!"):
                prefix = node.kind == pb.AEXPR_LIKE and _may_be_prefix(right)
                self._side(left, right, Use.PREFIX if prefix else Use.INSIDE, operator, scope, arm, node)
        elif node.kind == pb.AEXPR_OP:
            use = Use.EQUAL if operator == "=" else Use.RANGE if operator in _RANGES else None
            if operator in _INSIDE:
                use = Use.INSIDE
            if use:
                self._side(left, right, use, operator, scope, arm, node)
                mirrored = _MIRROR.get(operator)
                if mirrored:
                    self._side(right, left, use, mirrored, scope, arm, node)
                role = Role.EQUAL if use is Use.EQUAL else _RANGES.get(operator, Role.OTHER)
                if use is Use.INSIDE:
                    self._inside_slots(left, right, scope)
                    self._inside_slots(right, left, scope)
                self._slot(right, left, role, scope)
                self._slot(left, right, _RANGES.get(mirrored or "", role), scope)

    def _row_comparison(
        self, left: pb.RowExpr, right: pb.RowExpr, operator: str, scope: Scope, arm: int
    ) -> None:
        use = Use.EQUAL if operator == "=" else Use.RANGE
        for one, other in zip(left.args, right.args, strict=False):
            self._side(inner(one), inner(other), use, operator, scope, arm, None)
            self._slot(inner(other), inner(one), _RANGES.get(operator, Role.EQUAL), scope)

    def _side(  # noqa: PLR0917 - what a comparison consists of
        self, side: Node, other: Node, use: Use, operator: str, scope: Scope, arm: int, whole: Node | None
    ) -> None:
        """Record the comparison for the access that ``side`` belongs to, seen from it."""
        found = self._key(side, scope)
        lost = False
        if found is None:
            found = self._key(side, scope, parameters=True)
            lost = found is not None
            if found is None:
                return
        number, key = found
        others = {source[0] for source in self._sources(other, scope) if source}
        if number in others:
            if (
                others == {number}
                and arm == 0
                and isinstance(whole, pb.A_Expr)
                and not lost
                and key.is_column
            ):
                self._between_columns(whole, number, key, scope)
            return
        joined = bool(others) or any(isinstance(part, pb.SubLink) for part in walk(other))
        if joined and use is Use.EQUAL:
            use = Use.JOIN
        opened = self.accesses[number]
        partner = min(others) if others else -1
        opened.conditions.append(Condition(key, use, partner, operator, arm, lost))
        fixed = (
            not others and arm == 0 and whole is not None and key.is_column and use in (Use.EQUAL, Use.AMONG)
        )
        if (
            fixed
            and whole is not None
            and not any(isinstance(part, pb.ParamRef | pb.SubLink) for part in walk(whole))
        ):
            opened.predicates.append(Predicate(self._text(whole, scope), key.text, "constant"))

    def _between_columns(self, whole: pb.A_Expr, number: int, key: Key, scope: Scope) -> None:
        """A comparison of two columns of a row holds no constant, so it is the same in every call."""
        if any(isinstance(part, pb.ParamRef | pb.SubLink | pb.A_Const | pb.FuncCall) for part in walk(whole)):
            return
        operator = strings(whole.name)[-1]
        if operator in (">", ">="):  # one spelling for both, so that statements can share the index
            turned = pb.A_Expr(kind=whole.kind)
            turned.lexpr.CopyFrom(whole.rexpr)
            turned.rexpr.CopyFrom(whole.lexpr)
            turned.name.add().string.sval = _MIRROR[operator]
            whole = turned
        columns = sorted({source[1] for source in self._sources(whole, scope) if source})
        predicate = Predicate(self._text(whole, scope), key.text, "columns", tuple(columns))
        self.accesses[number].predicates.append(predicate)

    def _null_test(self, node: pb.NullTest, scope: Scope, arm: int) -> None:
        found = self._key(inner(node.arg), scope)
        if not found or not found[1].is_column:
            return
        number, key = found
        is_null = node.nulltesttype == pb.IS_NULL
        if is_null:
            self.accesses[number].conditions.append(Condition(key, Use.IS_NULL, arm=arm, operator="IS NULL"))
        if arm == 0:
            kind = "null" if is_null else "not null"
            self.accesses[number].predicates.append(Predicate(self._text(node, scope), key.text, kind))

    def _boolean(self, column: Node, whole: Node, scope: Scope, arm: int) -> None:
        found = self._key(column, scope)
        if not found:
            return
        number, key = found
        self.accesses[number].conditions.append(Condition(key, Use.EQUAL, arm=arm))
        if arm == 0:
            self.accesses[number].predicates.append(Predicate(self._text(whole, scope), key.text, "boolean"))

    def _inside_slots(self, node: Node, against: Node, scope: Scope) -> None:
        """Parameters anywhere in what a column, or an expression of one, is searched for."""
        sources = {source for source in self._sources(against, scope) if source}
        if len(sources) != 1 or any(self._sources(node, scope)):
            return
        number, column = next(iter(sources))
        for part in walk(node):
            if isinstance(part, pb.ParamRef) and part.number not in self.slots:
                relation = self.accesses[number].relation.name
                self.slots[part.number] = Slot(part.number, Role.INSIDE, relation, column)

    def _slot(self, node: Node, against: Node, role: Role, scope: Scope) -> None:
        number = parameter_number(node)
        if number and number not in self.slots:
            found = self._key(against, scope)
            if found and found[1].is_column:
                relation = self.accesses[found[0]].relation.name
                self.slots[number] = Slot(number, role, relation, found[1].text)
            else:
                self.slots[number] = Slot(number, role)


def _may_be_prefix(node: Node) -> bool:
    """Whether a LIKE pattern has a fixed beginning; a parameter may have one."""
    while isinstance(node, pb.TypeCast):
        node = inner(node.arg)
    if isinstance(node, pb.A_Const):
        return node.HasField("sval") and node.sval.sval[:1] not in ("%", "_", "")
    return isinstance(node, pb.ParamRef)
