"""What a query block sorts and groups by, as far as one of its tables could deliver it."""

from __future__ import annotations

from abc import ABC
from typing import TYPE_CHECKING

from postgast import pg_query_pb2 as pb

from observer.advisor.access import Role, Slot
from observer.advisor.comparisons import Comparisons
from observer.advisor.indexes import Key
from observer.advisor.scopes import parameter_number
from observer.advisor.tree import inner, strings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from observer.advisor.scopes import Scope, Source
    from observer.advisor.tree import Node


class Orders(Comparisons, ABC):
    """Reads LIMIT, GROUP BY, DISTINCT, ORDER BY and the windows of a block."""

    def _limits(self, node: pb.SelectStmt) -> None:
        for value, role in ((node.limit_count, Role.LIMIT), (node.limit_offset, Role.OFFSET)):
            found = parameter_number(inner(value))
            if found:
                self.slots[found] = Slot(found, role)

    def _group_and_order(
        self, node: pb.SelectStmt, scope: Scope, outputs: list[tuple[str, Source | None, Node]]
    ) -> None:
        limited = node.HasField("limit_count")
        groups = [self._key_by_name_or_place(item, scope, outputs) for item in _grouped_by(node.group_clause)]
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

    def _extremes(self, node: pb.SelectStmt, scope: Scope) -> None:
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
        self, clause: Iterable[pb.Node], scope: Scope, outputs: list[tuple[str, Source | None, Node]]
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
        self, node: Node, scope: Scope, outputs: list[tuple[str, Source | None, Node]]
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

    def _window(self, node: pb.WindowDef, scope: Scope) -> None:
        keys = [self._key(inner(item), scope) for item in node.partition_clause]
        keys += self._order(node.order_clause, scope, [])
        found = [key for key in keys if key]
        if found and len(found) == len(keys) and len({number for number, _ in found}) == 1:
            self.accesses[found[0][0]].orders.append(tuple(key for _, key in found))


def _grouped_by(clause: Iterable[pb.Node]) -> Iterator[Node]:
    """What a GROUP BY names. ROLLUP is computed in the order of its columns, as they stand."""
    for item in map(inner, clause):
        if isinstance(item, pb.GroupingSet) and item.kind == pb.GROUPING_SET_ROLLUP:
            yield from map(inner, item.content)
        else:
            yield item
