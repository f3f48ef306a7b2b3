"""From statements to questions: parse, resolve, choose values, ask the planner once; set aside what cannot be priced."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from observer.advisor.candidates.candidate import Candidate
from observer.advisor.candidates.gather import gather
from observer.advisor.shapes import shape_of
from observer.advisor.tree import Unparsable
from observer.advisor.values import VARIANTS, variants
from observer.advisor.whatif import Question, Unpriceable
from observer.advisor.workload import Skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from observer.advisor.access import Shape
    from observer.advisor.candidates.candidate import Limits
    from observer.advisor.schema import Schema
    from observer.advisor.whatif import Session
    from observer.advisor.workload import Statement

GENERIC = "any value"


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


@dataclass(slots=True)
class Preparation:
    """Statements to advise on, and the others with their reasons."""

    prepared: list[Prepared] = field(default_factory=list)
    unpriced: list[tuple[Statement, Shape | None]] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    hypotheses: list[tuple[Candidate, Statement]] = field(default_factory=list)


def shapes_of(statements: Sequence[Statement], schema: Schema) -> tuple[list[tuple[Statement, Shape]], list[Skipped]]:
    """The statements that read tables, with their shapes; and those that do not, with reasons."""
    found, skipped = [], []
    for statement in statements:
        try:
            shape = shape_of(statement.text, schema)
        except Unparsable as error:
            skipped.append(Skipped(statement.text, error.sentence, statement.queryid))
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
    go_on: Callable[[], bool] = lambda: True,
) -> Preparation:
    """Ask for each statement's price as things stand."""
    result = Preparation()
    shaped, result.skipped = shapes_of(statements, schema)
    for number, (statement, shape) in enumerate(shaped):
        if not go_on():
            result.skipped.append(Skipped(statement.text, "the deadline came first", statement.queryid))
            continue
        candidates = gather(shape, schema, limits)
        result.hypotheses += [(candidate, statement) for candidate in candidates if not candidate.priced]
        try:
            made = _questioned(number, statement, shape, schema, session)
        except Unpriceable as error:
            result.skipped.append(Skipped(statement.text, error.sentence, statement.queryid, error.remedy))
            continue
        made.candidates = tuple(candidate for candidate in candidates if candidate.priced)
        result.prepared.append(made)
    return result


def _questioned(number: int, statement: Statement, shape: Shape, schema: Schema, session: Session) -> Prepared:
    name = f"observer_{number}"
    plain = Question(name, shape.text)
    if "$" not in shape.text:
        made = Prepared(statement, shape, plain, "")
        made.base = session.price(plain, ()).cost
        return made
    types = session.parameter_types(Question(name, shape.text, 1))
    if not types:
        made = Prepared(statement, shape, plain, "")
        made.base = session.price(plain, ()).cost
        return made
    questions = {
        variant: Question(name, shape.text, len(types), values)
        for variant, values in variants(shape.slots, types, schema).items()
    }
    questions[GENERIC] = Question(name, shape.text, len(types), None)
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
