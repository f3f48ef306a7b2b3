"""From a statement's text to its shape: scopes, names and conditions resolved against the schema."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from postgast import pg_query_pb2 as pb

from observer.advisor.access import Access, Condition, Shape, Use
from observer.advisor.equivalents import equivalent, updated_columns
from observer.advisor.indexes import Key
from observer.advisor.leading import lead
from observer.advisor.orders import Orders
from observer.advisor.scopes import OpenAccess, Scope, Source, renamed
from observer.advisor.tree import (
    Node,
    Unparsable,
    children,
    deparse,
    inner,
    parse,
    strings,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from observer.advisor.names import RelationName
    from observer.advisor.schema import Schema


_DEEPEST = 12


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
    reader.share_with_branches()
    return Shape(
        text=deparse(select),
        accesses=tuple(reader.close(number) for number in range(len(reader.accesses))),
        slots=tuple(reader.slots[number] for number in sorted(reader.slots)),
        unresolved=tuple(sorted(reader.unresolved)),
        relations=tuple(sorted({access.relation.name for access in reader.accesses})),
        rewritten=rewritten,
        sets=updated_columns(raw),
    )


class _Reader(Orders):
    """Walks one statement."""

    def __init__(self, schema: Schema) -> None:
        super().__init__(schema)
        self.depth = 0
        self.entries = 0
        self.first = -1
        self.branches: list[tuple[Source, int, Source]] = []

    def wants_to_lead(self) -> RelationName | None:
        """The relation whose candidates need it to be the first of FROM, when it is not."""
        for number, made in enumerate(self.accesses):
            special = any(not condition.key.is_column for condition in made.conditions) or made.predicates
            if special and number != self.first and self._once(made):
                return made.relation.name
            if special:
                return None
        return None

    def _once(self, made: OpenAccess) -> bool:
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

    def select(self, node: pb.SelectStmt, parent: Scope | None) -> dict[str, Source | None]:
        """Read a query block; return what its output columns are made of."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise Unparsable(f"nested deeper than {_DEEPEST} levels")
        try:
            return self._select(node, parent)
        finally:
            self.depth -= 1

    def _select(self, node: pb.SelectStmt, parent: Scope | None) -> dict[str, Source | None]:
        scope = Scope(parent=parent)
        for item in node.with_clause.ctes:
            self._cte(inner(item), scope, recursive=node.with_clause.recursive)
        if node.op not in (pb.SETOP_NONE, pb.SET_OPERATION_UNDEFINED):
            self.entries += 1
            return self._united(self.select(node.larg, scope), self.select(node.rarg, scope))
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

    def _united(
        self, left: Mapping[str, Source | None], right: Mapping[str, Source | None]
    ) -> dict[str, Source | None]:
        """Output columns of a set operation, which stand for those of its first branch."""
        if len(left) != len(right):  # columns without a name of their own have fallen together
            return dict.fromkeys(left)
        found = {}
        for (name, one), other in zip(left.items(), right.values(), strict=True):
            found[name] = one or other
            if one and other:
                self.branches.append((one, len(self.accesses[one[0]].conditions), other))
        return found

    def share_with_branches(self) -> None:
        """What was compared with a column of a set operation is compared in every branch.

        Of the first branch these are the conditions that came after it was read. An inner operation was read
        before the one that it is a branch of, so the outermost come first.
        """
        for (number, column), known, (other, name) in reversed(self.branches):
            for condition in self.accesses[number].conditions[known:]:
                if condition.key.is_column and condition.key.text == column:
                    shared = replace(condition, key=replace(condition.key, text=name))
                    self.accesses[other].conditions.append(shared)

    def _cte(self, node: Node, scope: Scope, *, recursive: bool) -> None:
        self.entries += 1
        if not isinstance(node, pb.CommonTableExpr):
            return
        query = inner(node.ctequery)
        if not isinstance(query, pb.SelectStmt):
            raise Unparsable("a WITH clause that writes cannot be explained as a read")
        inside = Scope(parent=scope.parent, ctes=dict(scope.ctes))
        if recursive:
            inside.ctes[node.ctename] = dict.fromkeys(strings(node.aliascolnames))
        outputs = self.select(query, inside)
        if recursive:
            outputs = dict.fromkeys(outputs)  # no condition reaches into the recursion
        scope.ctes[node.ctename] = renamed(outputs, strings(node.aliascolnames))

    def _from(self, node: Node, scope: Scope) -> None:
        if isinstance(node, pb.RangeVar):
            self._range_var(node, scope)
        elif isinstance(node, pb.RangeSubselect):
            self.entries += 1
            query = inner(node.subquery)
            outside = scope if node.lateral else scope.parent
            inside = Scope(parent=outside, ctes=self._visible_ctes(scope))
            outputs = self.select(query, inside) if isinstance(query, pb.SelectStmt) else {}
            scope.derived[node.alias.aliasname] = renamed(outputs, strings(node.alias.colnames))
        elif isinstance(node, pb.JoinExpr):
            self._join(node, scope)
        else:
            self.entries += 1
            for found in children(node):
                self._visit(found, scope)
            for found in walk(node):
                if isinstance(found, pb.Alias):
                    scope.derived[found.aliasname] = {}

    def _range_var(self, node: pb.RangeVar, scope: Scope) -> None:
        alias = node.alias.aliasname or node.relname
        self.entries += 1
        ctes = self._visible_ctes(scope)
        if not node.schemaname and node.relname in ctes:
            scope.derived[alias] = renamed(ctes[node.relname], strings(node.alias.colnames))
            return
        relation = self.schema.find(node.relname, node.schemaname)
        if relation is None:
            if node.schemaname not in ("pg_catalog", "information_schema"):
                self.unresolved.add(f"{node.schemaname}.{node.relname}" if node.schemaname else node.relname)
            scope.derived[alias] = {}
        elif relation.kind == "v" and relation.view:
            query = inner(parse(relation.view).stmt)
            outputs = self.select(query, None) if isinstance(query, pb.SelectStmt) else {}
            scope.derived[alias] = renamed(outputs, strings(node.alias.colnames))
        else:
            if self.entries == 1 and self.depth == 1:
                self.first = len(self.accesses)
            self.accesses.append(OpenAccess(relation))
            scope.tables[alias] = len(self.accesses) - 1

    def _join(self, node: pb.JoinExpr, scope: Scope) -> None:
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

    def _targets(self, node: pb.SelectStmt, scope: Scope) -> list[tuple[str, Source | None, Node]]:
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

    def _star(self, names: list[str], scope: Scope) -> list[tuple[str, Source | None]]:
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

    # Expressions.

    def _visit(self, node: Node, scope: Scope) -> None:
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

    def _sublink(self, node: pb.SubLink, scope: Scope) -> None:
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
