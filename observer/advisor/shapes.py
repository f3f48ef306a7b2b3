"""From a statement's text to its shape: scopes, names and conditions resolved against the schema."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from postgast import pg_query_pb2 as pb

from observer.advisor.access import Access, Condition, Predicate, Role, Shape, Slot, Use
from observer.advisor.equivalents import equivalent, updated_columns
from observer.advisor.indexes import Key
from observer.advisor.leading import lead
from observer.advisor.tree import (
    Node,
    Unparsable,
    children,
    deparse,
    expression_text,
    inner,
    parse,
    strings,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from observer.advisor.names import RelationName
    from observer.advisor.schema import Relation, Schema

Source = tuple[int, str]
"""A column of an access: its number and the column's name."""

_DEEPEST = 12
_RANGES = {"<": Role.HIGH, "<=": Role.HIGH, ">": Role.LOW, ">=": Role.LOW}
_MIRROR = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "@>": "<@", "<@": "@>", "&&": "&&"}
_INSIDE = frozenset({"@>", "<@", "&&", "@@", "?", "?|", "?&", "%", "<%", "~", "~*", "@?", "<->"})


@dataclass(slots=True)
class _Open:
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
class _Scope:
    """Names that are visible in one query block."""

    tables: dict[str, int] = field(default_factory=dict)
    derived: dict[str, dict[str, Source | None]] = field(default_factory=dict)
    ctes: dict[str, dict[str, Source | None]] = field(default_factory=dict)
    parent: _Scope | None = None


def shape_of(text: str, schema: Schema) -> Shape:
    """What the parse tree of ``text`` says about the tables of ``schema``.

    Raises:
        Unparsable: PostgreSQL's parser refuses the text, or it is of a kind that cannot be explained.
    """
    raw = parse(text)
    select, rewritten = equivalent(raw)
    reader = _Reader(schema)
    reader.select(select.stmt.select_stmt, None)
    relation = reader.wants_to_lead()
    if relation and lead(select.stmt.select_stmt, relation.schema, relation.name):
        reader = _Reader(schema)
        reader.select(select.stmt.select_stmt, None)
    return Shape(
        text=deparse(select),
        accesses=tuple(reader.close(number) for number in range(len(reader.accesses))),
        slots=tuple(reader.slots[number] for number in sorted(reader.slots)),
        unresolved=tuple(sorted(reader.unresolved)),
        relations=tuple(sorted({access.relation.name for access in reader.accesses})),
        rewritten=rewritten,
        sets=updated_columns(raw),
    )


class _Reader:
    """Walks one statement."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.accesses: list[_Open] = []
        self.slots: dict[int, Slot] = {}
        self.unresolved: set[str] = set()
        self.arms = 0
        self.depth = 0
        self.entries = 0
        self.first = -1

    def wants_to_lead(self) -> RelationName | None:
        """The relation whose candidates need it to be the first of FROM, when it is not."""
        for number, made in enumerate(self.accesses):
            special = any(not condition.key.is_column for condition in made.conditions) or made.predicates
            if special and number != self.first and self._once(made):
                return made.relation.name
            if special:
                return None
        return None

    def _once(self, made: _Open) -> bool:
        return sum(other.relation.name == made.relation.name for other in self.accesses) == 1

    def close(self, number: int) -> Access:
        """The finished access."""
        made = self.accesses[number]
        return Access(
            number=number,
            relation=made.relation.name,
            conditions=tuple(dict.fromkeys(made.conditions)),
            predicates=tuple(dict.fromkeys(made.predicates)),
            orders=tuple(dict.fromkeys(made.orders)),
            groups=tuple(dict.fromkeys(made.groups)),
            columns=frozenset(made.columns),
            whole_row=made.whole_row,
            limited=made.limited,
            leading=number == self.first and self._once(made) and not made.relation.divided,
        )

    # Query blocks.

    def select(self, node: pb.SelectStmt, parent: _Scope | None) -> dict[str, Source | None]:
        """Read a query block; return what its output columns are made of."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise Unparsable(f"nested deeper than {_DEEPEST} levels")
        try:
            return self._select(node, parent)
        finally:
            self.depth -= 1

    def _select(self, node: pb.SelectStmt, parent: _Scope | None) -> dict[str, Source | None]:
        scope = _Scope(parent=parent)
        for item in node.with_clause.ctes:
            self._cte(inner(item), scope, recursive=node.with_clause.recursive)
        if node.op not in (pb.SETOP_NONE, pb.SET_OPERATION_UNDEFINED):
            self.entries += 1
            left = self.select(node.larg, scope)
            self.select(node.rarg, scope)
            return dict.fromkeys(left)
        for item in node.from_clause:
            self._from(inner(item), scope)
        if node.HasField("where_clause"):
            self._conditions(inner(node.where_clause), scope, 0)
        outputs = self._targets(node, scope)
        self._group_and_order(node, scope, outputs)
        if node.HasField("having_clause"):
            self._visit(inner(node.having_clause), scope)
        for values in node.values_lists:
            self._visit(inner(values), scope)
        self._limits(node)
        return {name: source for name, source, _ in outputs}

    def _cte(self, node: Node, scope: _Scope, *, recursive: bool) -> None:
        self.entries += 1
        if not isinstance(node, pb.CommonTableExpr):
            return
        query = inner(node.ctequery)
        if not isinstance(query, pb.SelectStmt):
            raise Unparsable("a WITH clause that writes cannot be explained as a read")
        inside = _Scope(parent=scope.parent, ctes=dict(scope.ctes))
        if recursive:
            inside.ctes[node.ctename] = dict.fromkeys(strings(node.aliascolnames))
        outputs = self.select(query, inside)
        scope.ctes[node.ctename] = _renamed(outputs, strings(node.aliascolnames))

    def _from(self, node: Node, scope: _Scope) -> None:
        if isinstance(node, pb.RangeVar):
            self._range_var(node, scope)
        elif isinstance(node, pb.RangeSubselect):
            self.entries += 1
            query = inner(node.subquery)
            outside = scope if node.lateral else scope.parent
            inside = _Scope(parent=outside, ctes=self._visible_ctes(scope))
            outputs = self.select(query, inside) if isinstance(query, pb.SelectStmt) else {}
            scope.derived[node.alias.aliasname] = _renamed(outputs, strings(node.alias.colnames))
        elif isinstance(node, pb.JoinExpr):
            self._join(node, scope)
        else:
            self.entries += 1
            for found in children(node):
                self._visit(found, scope)
            for found in walk(node):
                if isinstance(found, pb.Alias):
                    scope.derived[found.aliasname] = {}

    def _visible_ctes(self, scope: _Scope | None) -> dict[str, dict[str, Source | None]]:
        seen: dict[str, dict[str, Source | None]] = {}
        while scope is not None:
            seen = {**scope.ctes, **seen}
            scope = scope.parent
        return seen

    def _range_var(self, node: pb.RangeVar, scope: _Scope) -> None:
        alias = node.alias.aliasname or node.relname
        self.entries += 1
        ctes = self._visible_ctes(scope)
        if not node.schemaname and node.relname in ctes:
            scope.derived[alias] = _renamed(ctes[node.relname], strings(node.alias.colnames))
            return
        relation = self.schema.find(node.relname, node.schemaname)
        if relation is None:
            if node.schemaname not in ("pg_catalog", "information_schema"):
                self.unresolved.add(f"{node.schemaname}.{node.relname}" if node.schemaname else node.relname)
            scope.derived[alias] = {}
        elif relation.kind == "v" and relation.view:
            query = inner(parse(relation.view).stmt)
            outputs = self.select(query, None) if isinstance(query, pb.SelectStmt) else {}
            scope.derived[alias] = _renamed(outputs, strings(node.alias.colnames))
        else:
            if self.entries == 1 and self.depth == 1:
                self.first = len(self.accesses)
            self.accesses.append(_Open(relation))
            scope.tables[alias] = len(self.accesses) - 1

    def _join(self, node: pb.JoinExpr, scope: _Scope) -> None:
        before = len(self.accesses)
        self._from(inner(node.larg), scope)
        middle = len(self.accesses)
        self._from(inner(node.rarg), scope)
        if node.HasField("quals"):
            self._conditions(inner(node.quals), scope, 0)
        for name in strings(node.using_clause):
            lefts = [n for n in range(before, middle) if name in self.accesses[n].relation.columns]
            rights = [
                n for n in range(middle, len(self.accesses)) if name in self.accesses[n].relation.columns
            ]
            if lefts and rights:
                self._joined((lefts[0], name), (rights[0], name))

    def _joined(self, left: Source, right: Source) -> None:
        for (number, name), (other, _) in ((left, right), (right, left)):
            self.accesses[number].columns.add(name)
            if number != other:
                self.accesses[number].conditions.append(Condition(Key(name), Use.JOIN, other))

    def _targets(self, node: pb.SelectStmt, scope: _Scope) -> list[tuple[str, Source | None, Node]]:
        outputs: list[tuple[str, Source | None, Node]] = []
        for item in node.target_list:
            target = inner(item)
            if not isinstance(target, pb.ResTarget):
                continue
            value = inner(target.val)
            if isinstance(value, pb.ColumnRef):
                names = strings(value.fields)
                if names and names[-1] == "*":
                    outputs += [(name, source, value) for name, source in self._star(names, scope)]
                    continue
                outputs.append((target.name or names[-1], self._resolve(tuple(names), scope), value))
            else:
                name = target.name
                if not name and isinstance(value, pb.FuncCall):
                    name = strings(value.funcname)[-1]
                outputs.append((name or "?column?", None, value))
            self._visit(value, scope)
        return outputs

    def _star(self, names: list[str], scope: _Scope) -> list[tuple[str, Source | None]]:
        """What ``*`` or ``alias.*`` stands for. EXISTS (SELECT * ...) reads nothing: see ``_sublink``."""
        found: list[tuple[str, Source | None]] = []
        for alias, number in scope.tables.items():
            if len(names) == 1 or alias == names[-2]:
                opened = self.accesses[number]
                opened.columns.update(opened.relation.columns)
                opened.whole_row = True
                found += [(name, (number, name)) for name in opened.relation.columns]
        for alias, columns in scope.derived.items():
            if len(names) == 1 or alias == names[-2]:
                found += columns.items()
        return found

    def _limits(self, node: pb.SelectStmt) -> None:
        for value, role in ((node.limit_count, Role.LIMIT), (node.limit_offset, Role.OFFSET)):
            found = _parameter(inner(value))
            if found:
                self.slots[found] = Slot(found, role)

    def _group_and_order(
        self, node: pb.SelectStmt, scope: _Scope, outputs: list[tuple[str, Source | None, Node]]
    ) -> None:
        limited = node.HasField("limit_count")
        groups = [self._key_by_name_or_place(inner(item), scope, outputs) for item in node.group_clause]
        plain_distinct = bool(node.distinct_clause) and not inner(node.distinct_clause[0]).ListFields()
        if plain_distinct and not groups:
            groups = [(source[0], Key(source[1])) if source else None for _, source, _ in outputs]
        elif node.distinct_clause and not plain_distinct:
            for item in node.distinct_clause:
                self._visit(inner(item), scope)
        order = self._order(node.sort_clause, scope, outputs)
        resolved = [found for found in groups if found]
        if groups and len(resolved) == len(groups) and len({number for number, _ in resolved}) == 1:
            self.accesses[resolved[0][0]].groups.append(tuple(dict.fromkeys(key for _, key in resolved)))
        allowed = {key for _, key in resolved}
        kept: list[Key] = []
        owner = -1
        for found in order:
            if found is None or (owner >= 0 and found[0] != owner):
                break
            if groups and found[1].plain() not in allowed:
                break
            owner = found[0]
            kept.append(found[1])
        if kept:
            self.accesses[owner].orders.append(tuple(dict.fromkeys(kept)))
            self.accesses[owner].limited |= limited
        if not groups:
            self._extremes(node, scope)

    def _extremes(self, node: pb.SelectStmt, scope: _Scope) -> None:
        """min(x) and max(x) alone are the first row of an order."""
        for item in node.target_list:
            value = inner(inner(item).val)
            if (
                isinstance(value, pb.FuncCall)
                and strings(value.funcname)[-1] in ("min", "max")
                and value.args
            ):
                found = self._key(inner(value.args[0]), scope)
                if found:
                    self.accesses[found[0]].orders.append((found[1],))

    def _order(
        self, clause: Iterable[pb.Node], scope: _Scope, outputs: list[tuple[str, Source | None, Node]]
    ) -> list[tuple[int, Key] | None]:
        keys: list[tuple[int, Key] | None] = []
        for item in clause:
            sort = inner(item)
            if not isinstance(sort, pb.SortBy):
                continue
            found = self._key_by_name_or_place(inner(sort.node), scope, outputs)
            if found:
                down = sort.sortby_dir == pb.SORTBY_DESC
                first = sort.sortby_nulls == pb.SORTBY_NULLS_FIRST
                nulls_first = first or (down and sort.sortby_nulls != pb.SORTBY_NULLS_LAST)
                key = found[1]
                found = found[0], Key(key.text, key.is_column, down, nulls_first, key.operator_class)
            keys.append(found)
        return keys

    def _key_by_name_or_place(
        self, node: Node, scope: _Scope, outputs: list[tuple[str, Source | None, Node]]
    ) -> tuple[int, Key] | None:
        """GROUP BY and ORDER BY may name an output column or its number."""
        if isinstance(node, pb.A_Const) and node.HasField("ival"):
            place = node.ival.ival - 1
            if 0 <= place < len(outputs):
                _, source, value = outputs[place]
                return (source[0], Key(source[1])) if source else self._key(value, scope)
            return None
        if isinstance(node, pb.ColumnRef):
            names = strings(node.fields)
            if len(names) == 1:
                for name, source, value in outputs:
                    if name == names[0] and not isinstance(value, pb.ColumnRef):
                        return (source[0], Key(source[1])) if source else self._key(value, scope)
        self._visit(node, scope)
        return self._key(node, scope)

    # Conditions.

    def _conditions(self, node: Node, scope: _Scope, arm: int) -> None:  # noqa: C901 - a branch a node type
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

    def _any_sublink(self, node: pb.SubLink, scope: _Scope) -> None:
        """X IN (SELECT y ...) joins x to y. The subquery itself was read by ``_visit``."""
        key = self._key(inner(node.testexpr), scope)
        if key and node.sub_link_type == pb.ANY_SUBLINK:
            self.accesses[key[0]].conditions.append(Condition(key[1], Use.JOIN, -1))

    def _comparison(  # noqa: C901, PLR0912 - a branch for each kind of comparison
        self, node: pb.A_Expr, scope: _Scope, arm: int
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
            self._slot(right, left, Role.PATTERN, scope)
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
                self._slot(right, left, role, scope)
                self._slot(left, right, _RANGES.get(mirrored or "", role), scope)

    def _row_comparison(
        self, left: pb.RowExpr, right: pb.RowExpr, operator: str, scope: _Scope, arm: int
    ) -> None:
        use = Use.EQUAL if operator == "=" else Use.RANGE
        for one, other in zip(left.args, right.args, strict=False):
            self._side(inner(one), inner(other), use, operator, scope, arm, None)
            self._slot(inner(other), inner(one), _RANGES.get(operator, Role.EQUAL), scope)

    def _side(  # noqa: PLR0917 - what a comparison consists of
        self, side: Node, other: Node, use: Use, operator: str, scope: _Scope, arm: int, whole: Node | None
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

    def _between_columns(self, whole: pb.A_Expr, number: int, key: Key, scope: _Scope) -> None:
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

    def _null_test(self, node: pb.NullTest, scope: _Scope, arm: int) -> None:
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

    def _boolean(self, column: Node, whole: Node, scope: _Scope, arm: int) -> None:
        found = self._key(column, scope)
        if not found:
            return
        number, key = found
        self.accesses[number].conditions.append(Condition(key, Use.EQUAL, arm=arm))
        if arm == 0:
            self.accesses[number].predicates.append(Predicate(self._text(whole, scope), key.text, "boolean"))

    def _slot(self, node: Node, against: Node, role: Role, scope: _Scope) -> None:
        number = _parameter(node)
        if number and number not in self.slots:
            found = self._key(against, scope)
            if found and found[1].is_column:
                relation = self.accesses[found[0]].relation.name
                self.slots[number] = Slot(number, role, relation, found[1].text)
            else:
                self.slots[number] = Slot(number, role)

    # Expressions.

    def _visit(self, node: Node, scope: _Scope) -> None:
        """Note every column that an expression reads, and read its subqueries."""
        if isinstance(node, pb.ColumnRef):
            names = strings(node.fields)
            if names and names[-1] == "*":
                self._star(names, scope)
            else:
                source = self._resolve(tuple(names), scope)
                if source:
                    self.accesses[source[0]].columns.add(source[1])
                elif len(names) == 1 and names[0] in scope.tables:
                    self._star([names[0], "*"], scope)
            return
        if isinstance(node, pb.SubLink):
            self._sublink(node, scope)
            return
        if isinstance(node, pb.SelectStmt):
            self.select(node, scope)
            return
        if isinstance(node, pb.FuncCall) and node.HasField("over"):
            self._window(node.over, scope)
        for child in children(node):
            self._visit(child, scope)

    def _sublink(self, node: pb.SubLink, scope: _Scope) -> None:
        if node.HasField("testexpr"):
            self._visit(inner(node.testexpr), scope)
        query = inner(node.subselect)
        if not isinstance(query, pb.SelectStmt):
            return
        if node.sub_link_type == pb.EXISTS_SUBLINK and query.op == pb.SETOP_NONE and query.from_clause:
            bare = pb.SelectStmt()
            bare.CopyFrom(query)
            del bare.target_list[:]
            query = bare
        outputs = self.select(query, scope)
        if node.sub_link_type == pb.ANY_SUBLINK and outputs:
            source = next(iter(outputs.values()))
            if source:
                key = self._key(inner(node.testexpr), scope)
                self.accesses[source[0]].conditions.append(
                    Condition(Key(source[1]), Use.JOIN, key[0] if key else -1)
                )

    def _window(self, node: pb.WindowDef, scope: _Scope) -> None:
        keys = [self._key(inner(item), scope) for item in node.partition_clause]
        keys += self._order(node.order_clause, scope, [])
        found = [key for key in keys if key]
        if found and len(found) == len(keys) and len({number for number, _ in found}) == 1:
            self.accesses[found[0][0]].orders.append(tuple(key for _, key in found))

    def _resolve(self, names: tuple[str, ...], scope: _Scope | None) -> Source | None:
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

    def _sources(self, node: Node, scope: _Scope) -> list[Source | None]:
        return [
            self._resolve(tuple(strings(part.fields)), scope)
            for part in walk(node)
            if isinstance(part, pb.ColumnRef)
        ]

    def _key(  # noqa: PLR0911 - one for each reason not to be a key
        self, node: Node, scope: _Scope, *, parameters: bool = False
    ) -> tuple[int, Key] | None:
        """The access and the key that an expression is, where an index could hold it."""
        if isinstance(node, pb.ColumnRef):
            source = self._resolve(tuple(strings(node.fields)), scope)
            return (source[0], Key(source[1])) if source else None
        if isinstance(node, pb.A_Const | pb.ParamRef | pb.List | pb.RowExpr | pb.SubLink):
            return None
        sources = self._sources(node, scope)
        if not sources or None in sources or len({source[0] for source in sources if source}) != 1:
            return None
        for part in walk(node):
            if isinstance(part, pb.SubLink | pb.SQLValueFunction | pb.CaseExpr) or (
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

    def _text(self, node: Node, scope: _Scope) -> str:
        def rename(names: tuple[str, ...]) -> str:
            source = self._resolve(names, scope)
            return source[1] if source else names[-1]

        return expression_text(node, rename)


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


def _renamed(outputs: Mapping[str, Source | None], names: list[str]) -> dict[str, Source | None]:
    """Output columns under the names of an alias list, which may be shorter."""
    old = list(outputs)
    return dict(zip([*names, *old[len(names) :]], outputs.values(), strict=False))


def _parameter(node: Node) -> int:
    """The parameter's number when the node is one, with or without a cast; else 0."""
    while isinstance(node, pb.TypeCast):
        node = inner(node.arg)
    return node.number if isinstance(node, pb.ParamRef) else 0


def _may_be_prefix(node: Node) -> bool:
    """Whether a LIKE pattern has a fixed beginning; a parameter may have one."""
    while isinstance(node, pb.TypeCast):
        node = inner(node.arg)
    if isinstance(node, pb.A_Const):
        return node.HasField("sval") and node.sval.sval[:1] not in ("%", "_", "")
    return isinstance(node, pb.ParamRef)
