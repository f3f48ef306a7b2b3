"""PostgreSQL's parse tree: unwrap, walk, deparse a part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import postgast
from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from observer.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Node: TypeAlias = Any
"""A message of the tree: protobuf publishes no types, and the tree has some 250 of them."""


class Unparsable(Malformed):
    """A statement that PostgreSQL's parser refuses."""

    code = "unparsable"


class ReadsNothing(Unparsable):
    """A statement that no index could serve: a utility statement, an INSERT of values."""

    code = "reads-nothing"


def parse(text: str) -> pb.RawStmt:
    """The tree of the one statement in ``text``.

    Raises:
        Unparsable: It is none, or more than one.
    """
    try:
        parsed = postgast.parse(text)
    except postgast.PgQueryError as error:
        raise Unparsable(f"not parsable: {error.message}") from error
    if len(parsed.stmts) != 1:
        raise Unparsable(f"expected one statement, found {len(parsed.stmts)}")
    return parsed.stmts[0]


def inner(node: Node) -> Node:
    """The concrete message inside a ``Node`` wrapper."""
    if isinstance(node, pb.Node):
        which = node.WhichOneof("node")
        if which is not None:
            found: Node = getattr(node, which)
            return found
    return node


def children(node: Node) -> Iterator[Node]:
    """Direct children, unwrapped, in the order of the text."""
    for field, value in node.ListFields():
        if field.type != field.TYPE_MESSAGE:
            continue
        if isinstance(value, Message):
            yield inner(value)
        else:
            for item in value:
                yield inner(item)


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    yield node
    for child in children(node):
        yield from walk(child)


def strings(nodes: object) -> list[str]:
    """The names of a list of String nodes; a star ends it as ``*``."""
    names = []
    for node in nodes:  # type: ignore[attr-defined]  # a protobuf container is iterable, its stub does not say so
        item = inner(node)
        if isinstance(item, pb.String):
            names.append(item.sval)
        elif isinstance(item, pb.A_Star):
            names.append("*")
    return names


def deparse(node: pb.RawStmt) -> str:
    """The statement's text.

    Raises:
        Unparsable: The tree holds what has no text.
    """
    result = pb.ParseResult()
    result.stmts.add().CopyFrom(node)
    return _text(result)


def _text(result: pb.ParseResult) -> str:
    try:
        return postgast.deparse(result)
    except postgast.PgQueryError as error:
        raise Unparsable(f"not written back: {error.message}") from error


def expression_text(node: Node, rename: Callable[[tuple[str, ...]], str]) -> str:
    """The text of an expression with each column under the name that ``rename`` gives it.

    Raises:
        Unparsable: The node is no expression.
    """
    statement = pb.SelectStmt(limit_option=pb.LIMIT_OPTION_DEFAULT, op=pb.SETOP_NONE)
    target = statement.target_list.add().res_target
    put(target.val, node)
    for found in walk(target.val):
        if isinstance(found, pb.ColumnRef):
            name = rename(tuple(strings(found.fields)))
            del found.fields[:]
            found.fields.add().string.sval = name
    result = pb.ParseResult()
    result.stmts.add().stmt.select_stmt.CopyFrom(statement)
    return _text(result).removeprefix("SELECT ")


def put(wrapper: pb.Node, node: Node) -> None:
    """Copy a concrete message into a ``Node`` wrapper."""
    for field in wrapper.DESCRIPTOR.oneofs_by_name["node"].fields:
        if field.message_type is not None and field.message_type.full_name == node.DESCRIPTOR.full_name:
            getattr(wrapper, field.name).CopyFrom(node)
            return
    raise TypeError(f"{node.DESCRIPTOR.full_name} stands in no tree")


def wrappers(message: Message) -> Iterator[pb.Node]:
    """Every wrapper of a node in ``message``, itself included: where a node can be put instead of another."""
    if isinstance(message, pb.Node):
        yield message
    for field, value in message.ListFields():
        if field.type != field.TYPE_MESSAGE:
            continue
        for item in [value] if isinstance(value, Message) else value:
            yield from wrappers(item)
