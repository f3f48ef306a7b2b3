"""From statements to questions: parse, resolve, choose values, ask once; set aside what has no price."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from observer.advisor.access import Role
from observer.advisor.candidates.gather import gather
from observer.advisor.question import Question, Unpriceable
from observer.advisor.shapes import shape_of
from observer.advisor.tree import ReadsNothing, Unparsable
from observer.advisor.values import VARIANTS, variants
from observer.advisor.workload import Skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from observer.advisor.access import Shape
    from observer.advisor.candidates.candidate import Candidate, Limits
    from observer.advisor.names import RelationName
    from observer.advisor.schema import Schema
    from observer.advisor.whatif import Session
    from observer.advisor.workload import Statement

GENERIC = "any value"
TOO_LATE = "the deadline came first"
_COMPARED = re.compile(r"(?:[<>=]|LIKE)\s*\$(\d+)", re.IGNORECASE)
_PARAMETER = re.compile(r"\$(\d+)(?!\d|::)")

_SKEWED = 0.25
"""Share of the rows that the commonest value holds, from which on a rare one is looked at too."""

_RARE_SHARE = 0.3
"""How much of such a statement's worth is laid on rare values: which ones come, the server does not tell."""

_MANY = 200
"""Rows of one value from which on a LIMITed order is planned with that value too: they must be sorted."""

_COMMON_SHARE = 0.2
"""How much of such a statement's worth is laid on the commonest value: who owns most rows asks most often."""


@dataclass(slots=True)
class Prepared:
    """A statement that the planner answers for.

    Args:
        question: The one that the search asks.

        others: The same statement with other values, by their names in words.
    """

    statement: Statement
    shape: Shape
    question: Question
    variant: str
    others: dict[str, Question] = field(default_factory=dict)
    candidates: tuple[Candidate, ...] = ()
    base: float = 0.0
    weight: float = 1.0
    """Share of the statement's worth that this set of values stands for."""
    awaits: frozenset[RelationName] = frozenset()
    """Tables on which an access method that HypoPG cannot price would serve it."""


@dataclass(slots=True)
class Preparation:
    """Statements to advise on, and the others with their reasons."""

    prepared: list[Prepared] = field(default_factory=list)
    unpriced: list[tuple[Statement, Shape | None]] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    hypotheses: list[tuple[Candidate, Statement]] = field(default_factory=list)
    other_values: list[Prepared] = field(default_factory=list)

    def alternates(self) -> list[Prepared]:
        """Statements again with other values, where a column is so skewed that the value matters."""
        return self.other_values


def shapes_of(
    statements: Sequence[Statement], schema: Schema
) -> tuple[list[tuple[Statement, Shape]], list[Skipped]]:
    """The statements that read tables, with their shapes; and those that do not, with reasons."""
    found, skipped = [], []
    for statement in statements:
        try:
            shape = shape_of(statement.text, schema)
        except ReadsNothing:
            continue
        except Unparsable as error:
            skipped.append(Skipped(statement.text, error.sentence, statement.queryid))
            continue
        except Exception as error:  # noqa: BLE001 - what no one has thought of must not end the advice on others
            # Not in its own words: these may quote values, which no report holds.
            reason = f"the advisor stumbles over it ({type(error).__name__}); please report that"
            skipped.append(Skipped(statement.text, reason, statement.queryid))
            continue
        if shape.unresolved:
            names = ", ".join(shape.unresolved)
            skipped.append(
                Skipped(
                    statement.text,
                    f"it reads what is not in this database or not on its search_path: {names}",
                    statement.queryid,
                )
            )
        elif shape.accesses:
            found.append((statement, shape))
        # What reads no table of the user's, such as Observer's own questions to the catalogs, is no workload.
    return found, skipped


def prepare(
    statements: Sequence[Statement],
    schema: Schema,
    session: Session,
    limits: Limits,
    *,
    restless: frozenset[RelationName] = frozenset(),
    go_on: Callable[[], bool] = lambda: True,
) -> Preparation:
    """Ask for each statement's price as things stand.

    Args:
        statements: As pg_stat_statements keeps them, or with constants.

        schema: Of their database.

        session: To ask on.

        limits: Of what may be proposed.

        restless: Tables of whose pages few stay all-visible: their statements are priced without index-only
            scans, which the planner believes in as if VACUUM had just been there.

        go_on: Asked before each statement.
    """
    result = Preparation()
    shaped, result.skipped = shapes_of(statements, schema)
    for number, (statement, shape) in enumerate(shaped):
        if not go_on():
            result.skipped.append(Skipped(statement.text, TOO_LATE, statement.queryid))
            continue
        candidates = gather(shape, schema, limits)
        result.hypotheses += [(candidate, statement) for candidate in candidates if not candidate.priced]
        visits = not restless.isdisjoint(shape.relations)
        plain = Question(f"observer_{number}", shape.text, visits=visits)
        try:
            made = _questioned(plain, statement, shape, schema, session)
        except Unpriceable as error:
            result.skipped.append(Skipped(statement.text, error.sentence, statement.queryid, error.remedy))
            continue
        made.candidates = tuple(candidate for candidate in candidates if candidate.priced)
        made.awaits = frozenset(
            one.index.relation for one in candidates if not one.priced and one.index.method != "btree"
        )
        result.prepared.append(made)
        if _skewed(shape, schema) and not made.awaits:
            _also_with(VARIANTS[2], _RARE_SHARE, made, session, result)
        if _sorts_many(shape, schema):
            _also_with(VARIANTS[1], _COMMON_SHARE, made, session, result)
    return result


def _also_with(variant: str, share: float, made: Prepared, session: Session, result: Preparation) -> None:
    """Lay a share of the statement's worth on other values than the typical ones."""
    question = made.others.get(variant)
    if question is None:
        return
    try:
        base = session.price(question, ()).cost
    except Unpriceable:
        return
    made.weight -= share
    result.other_values.append(replace(made, question=question, others={}, base=base, weight=share))


def _typed(name: str, shape: Shape, session: Session) -> tuple[Shape, tuple[str, ...]]:
    """Types of the parameters, with casts where the server cannot tell, as in ``current_date - $1``."""
    try:
        return shape, session.parameter_types(Question(name, shape.text, 1))
    except Unpriceable as error:
        if not error.untyped:
            raise
        refused = error
    known = {slot.number for slot in shape.slots}
    compared = {int(found.group(1)) for found in _COMPARED.finditer(shape.text)}
    for sure in (known, known | compared):
        for type_name in ("integer", "interval", "text"):
            text = _cast(shape.text, type_name, sure)
            try:
                return replace(shape, text=text), session.parameter_types(Question(name, text, 1))
            except Unpriceable:
                continue
    raise refused


def _cast(text: str, type_name: str, known: set[int]) -> str:
    """The statement with a cast on each parameter that is not compared with a column."""

    def cast(found: re.Match[str]) -> str:
        return found.group(0) if int(found.group(1)) in known else f"{found.group(0)}::{type_name}"

    return _PARAMETER.sub(cast, text)


def _skewed(shape: Shape, schema: Schema) -> bool:
    for slot in shape.slots:
        if slot.role in (Role.EQUAL, Role.AMONG) and slot.relation:
            column = schema.relations[slot.relation].columns.get(slot.column)
            if column and column.common and column.common[0][1] > _SKEWED:
                return True
    return False


def _sorts_many(shape: Shape, schema: Schema) -> bool:
    """Whether the first few are wanted, in an order, of rows that are many for the commonest value."""
    limited = {access.relation for access in shape.accesses if access.limited and access.orders}
    for slot in shape.slots:
        if slot.role is Role.EQUAL and slot.relation is not None and slot.relation in limited:
            relation = schema.relations[slot.relation]
            column = relation.columns.get(slot.column)
            if column and column.common and column.common[0][1] * relation.rows > _MANY:
                return True
    return False


def _questioned(
    plain: Question, statement: Statement, shape: Shape, schema: Schema, session: Session
) -> Prepared:
    if "$" not in shape.text:
        made = Prepared(statement, shape, plain, "")
        made.base = session.price(plain, ()).cost
        return made
    shape, types = _typed(plain.name, shape, session)
    plain = replace(plain, text=shape.text)
    if not types:
        made = Prepared(statement, shape, plain, "")
        made.base = session.price(plain, ()).cost
        return made
    questions = {
        variant: replace(plain, parameters=len(types), values=values)
        for variant, values in variants(shape.slots, types, schema).items()
    }
    questions[GENERIC] = replace(plain, parameters=len(types), values=None)
    refused: Unpriceable | None = None
    for variant in (VARIANTS[0], GENERIC):
        if variant not in questions:
            continue
        try:
            base = session.price(questions[variant], ()).cost
        except Unpriceable as error:
            refused = error
            del questions[variant]
            continue
        question = questions.pop(variant)
        return Prepared(statement, shape, question, variant, questions, base=base)
    raise refused or Unpriceable("no values could be found for its parameters")
