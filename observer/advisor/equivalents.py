"""The SELECT that reads what an UPDATE, DELETE or locking read reads: it asks for no write privilege."""

from __future__ import annotations

from postgast import pg_query_pb2 as pb

from observer.advisor.tree import Node, ReadsNothing, inner, strings, walk


def equivalent(raw: pb.RawStmt) -> tuple[pb.RawStmt, bool]:  # noqa: C901 - one branch a statement kind
    """A statement that EXPLAIN prices with SELECT rights alone, and whether it differs from the original.

    Raises:
        Unparsable: There is none: a utility statement, or an INSERT of values.
    """
    statement = inner(raw.stmt)
    result = pb.RawStmt()
    if isinstance(statement, pb.SelectStmt):
        result.stmt.select_stmt.CopyFrom(statement)
    elif isinstance(statement, pb.UpdateStmt):
        _from_write(statement, statement.from_clause, result.stmt.select_stmt)
        for target in statement.target_list:
            result.stmt.select_stmt.target_list.add().CopyFrom(target)
    elif isinstance(statement, pb.DeleteStmt):
        _from_write(statement, statement.using_clause, result.stmt.select_stmt)
    elif isinstance(statement, pb.MergeStmt):
        _from_merge(statement, result.stmt.select_stmt)
    elif isinstance(statement, pb.InsertStmt):
        source = inner(statement.select_stmt)
        if not isinstance(source, pb.SelectStmt) or source.values_lists:
            raise ReadsNothing("INSERT of values reads nothing that an index could serve")
        result.stmt.select_stmt.CopyFrom(source)
        if statement.HasField("with_clause"):
            result.stmt.select_stmt.with_clause.CopyFrom(statement.with_clause)
    else:
        kind = type(statement).__name__.removesuffix("Stmt")
        raise ReadsNothing(f"{kind} is not a statement that an index could serve")
    changed = not isinstance(statement, pb.SelectStmt)
    for part in walk(result.stmt.select_stmt):
        if isinstance(part, pb.SelectStmt) and part.locking_clause:
            del part.locking_clause[:]
            changed = True
        if isinstance(part, pb.SelectStmt) and part.HasField("into_clause"):
            part.ClearField("into_clause")
            changed = True
        _callable_extract(part)
    return result, changed


def _from_write(statement: pb.UpdateStmt | pb.DeleteStmt, others: object, select: pb.SelectStmt) -> None:
    """SELECT ctid of the rows that are written: a heap visit each, as the write needs it."""
    select.limit_option = pb.LIMIT_OPTION_DEFAULT
    select.op = pb.SETOP_NONE
    target = select.target_list.add().res_target
    alias = statement.relation.alias.aliasname or statement.relation.relname
    fields = target.val.column_ref.fields
    fields.add().string.sval = alias
    fields.add().string.sval = "ctid"
    select.from_clause.add().range_var.CopyFrom(statement.relation)
    for item in others:  # type: ignore[attr-defined]  # a protobuf container is iterable, its stub does not say so
        select.from_clause.add().CopyFrom(item)
    if statement.HasField("where_clause"):
        select.where_clause.CopyFrom(statement.where_clause)
    if statement.HasField("with_clause"):
        select.with_clause.CopyFrom(statement.with_clause)


def _from_merge(statement: pb.MergeStmt, select: pb.SelectStmt) -> None:
    """The rows of the source, each with the row of the target that it meets."""
    select.limit_option = pb.LIMIT_OPTION_DEFAULT
    select.op = pb.SETOP_NONE
    target = select.target_list.add().res_target
    alias = statement.relation.alias.aliasname or statement.relation.relname
    fields = target.val.column_ref.fields
    fields.add().string.sval = alias
    fields.add().string.sval = "ctid"
    join = select.from_clause.add().join_expr
    join.jointype = pb.JOIN_LEFT
    join.larg.CopyFrom(statement.source_relation)
    join.rarg.range_var.CopyFrom(statement.relation)
    join.quals.CopyFrom(statement.join_condition)
    for when in statement.merge_when_clauses:
        for item in inner(when).target_list:
            if inner(when).command_type == pb.CMD_UPDATE:
                select.target_list.add().CopyFrom(item)
    if statement.HasField("with_clause"):
        select.with_clause.CopyFrom(statement.with_clause)


def _callable_extract(part: Node) -> None:
    """``extract($1 FROM x)``, as pg_stat_statements writes it, is no syntax; the function by its name is."""
    if (
        isinstance(part, pb.FuncCall)
        and strings(part.funcname)[-1] == "extract"
        and part.args
        and isinstance(inner(part.args[0]), pb.ParamRef)
    ):
        part.funcformat = pb.COERCE_EXPLICIT_CALL
        del part.funcname[:]
        part.funcname.add().string.sval = "pg_catalog"
        part.funcname.add().string.sval = "date_part"


def updated_columns(raw: pb.RawStmt) -> tuple[str, ...]:
    """The columns that an UPDATE sets; empty for other statements."""
    statement = inner(raw.stmt)
    if not isinstance(statement, pb.UpdateStmt):
        return ()
    targets = (inner(item) for item in statement.target_list)
    return tuple(target.name for target in targets if isinstance(target, pb.ResTarget))
