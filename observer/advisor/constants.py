"""Constants of the program's own text, which pg_stat_statements replaced by parameters.

``status = 'active'`` is kept as ``status = $1``, like a value that was bound: the predicate of a partial
index, the configuration of a text search and the unit of a ``date_trunc`` are lost. The sessions of the
service still
show the text of their last statement with its queryid (PostgreSQL 14 and later), and there the constants
stand.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from observer.advisor.tree import Unparsable, deparse, parse, walk, wrappers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from observer.advisor.workload import Statement

_AGREEING = 2
"""Sightings that must agree before a constant is believed, where no parameter beside it was bound: a program
that writes its values into the text writes another one the next time."""


def with_constants(
    statements: Iterable[Statement], seen: Mapping[int, Sequence[str]]
) -> tuple[Statement, ...]:
    """The statements with the constants that were seen in the place of their parameters.

    Args:
        statements: As pg_stat_statements keeps them.

        seen: By queryid, texts as sessions sent them; those cut off by the server are passed over.
    """
    return tuple(
        replace(statement, text=completed(statement.text, seen.get(statement.queryid, ())))
        if statement.queryid is not None
        else statement
        for statement in statements
    )


def completed(text: str, seen: Sequence[str]) -> str:
    """A normalised text with the constants that all texts which were seen agree on, parameters renumbered."""
    try:
        tree = parse(text)
    except Unparsable:
        return text
    found: dict[int, Counter[bytes]] = defaultdict(Counter)
    changing: set[int] = set()
    any_bound = False
    for sent in seen:
        try:
            pairs = list(_pairs(tree, parse(sent)))
        except Unparsable:
            continue
        for number, node in pairs:
            if node.WhichOneof("node") == "a_const":
                constant = pb.A_Const()
                constant.CopyFrom(node.a_const)
                constant.ClearField("location")
                found[number][constant.SerializeToString(deterministic=True)] += 1
            else:
                changing.add(number)
                any_bound |= node.WhichOneof("node") == "param_ref"
    least = 1 if any_bound else _AGREEING
    constants = {
        number: next(iter(values))
        for number, values in found.items()
        if len(values) == 1 and number not in changing and values.total() >= least
    }
    if not constants:
        return text
    _put(tree, constants)
    try:
        return deparse(tree)
    except Unparsable:
        return text


def _pairs(one: Message, other: Message) -> Iterator[tuple[int, pb.Node]]:
    """Parameters of one tree with what stands in their place in another one of the same shape."""
    if isinstance(one, pb.Node) and isinstance(other, pb.Node):
        if one.WhichOneof("node") == "param_ref":
            yield one.param_ref.number, other
            return
        if one.WhichOneof("node") != other.WhichOneof("node"):
            return
    for field, value in one.ListFields():
        if field.type != field.TYPE_MESSAGE:
            continue
        counterpart = getattr(other, field.name)
        if isinstance(value, Message):
            yield from _pairs(value, counterpart)
        elif len(value) == len(counterpart):  # lists of IN may have been made shorter
            for item, match in zip(value, counterpart, strict=True):
                yield from _pairs(item, match)


def _put(tree: pb.RawStmt, constants: Mapping[int, bytes]) -> None:
    """Put the constants in, and number the parameters that are left from 1 on."""
    for node in list(wrappers(tree)):
        if node.WhichOneof("node") == "param_ref" and node.param_ref.number in constants:
            node.a_const.ParseFromString(constants[node.param_ref.number])
    left = sorted({part.number for part in walk(tree) if isinstance(part, pb.ParamRef)})
    numbers = {old: new for new, old in enumerate(left, 1)}
    for part in walk(tree):
        if isinstance(part, pb.ParamRef):
            part.number = numbers[part.number]
