"""Hypotheses on a sampled copy: the real index is built there, and the planner asked with and without it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from observer.advisor.question import Question, Unpriceable, first_line
from observer.advisor.sampled.copying import (
    connect_scratch,
    copy_tables,
    same_server,
    take_settings,
)
from observer.advisor.sampled.moving import NotMovable, moved, moved_index
from observer.advisor.sampled.scaling import Point, Scaled, scaled
from observer.advisor.whatif import Session
from observer.deadlines import Deadline
from observer.errors import NotPermitted, ObserverError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from observer.advisor.candidates.candidate import Candidate
    from observer.advisor.indexes import Index
    from observer.advisor.plans import Plan
    from observer.advisor.preparation import Prepared
    from observer.advisor.sampled.copying import Sampled
    from observer.advisor.schema import Schema

_NAME = "observer_candidate"
_MOST_HYPOTHESES = 12
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Effect:
    """What an index does for one statement.

    Args:
        left: Part of the statement's cost that is left with it, at the full size.

        before, after: Plans on the larger sample.

        others: At other values, cost on the larger sample without and with it, and whether it is used.
    """

    made: Prepared
    left: float
    how: str
    before: Plan
    after: Plan
    others: Mapping[str, tuple[float, float, bool]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found of one hypothesis.

    Args:
        effects: Statements that it helps; empty where it helps none.

        size: Bytes at the full size.

        failure: Why nothing was found out, or why it helps none.
    """

    effects: tuple[Effect, ...] = ()
    size: int = 0
    failure: str = ""


def verify(
    hypotheses: Mapping[Candidate, Sequence[Prepared]],
    beside: Sequence[Index],
    schema: Schema,
    source: psycopg.Connection[Any],
    dsn: str,
    *,
    most_seconds: float,
    most_bytes: int,
    say: Callable[[str], None] = lambda _: None,
) -> dict[Index, Verified]:
    """Try hypotheses out on a copy; everything there is gone afterwards, whatever happens.

    Temporary tables in one transaction that is never committed: the scratch server itself takes them away,
    also when this process dies.

    Args:
        hypotheses: With the statements that they are for, the worthiest first.

        beside: Indexes that are recommended anyway, and stand on the copy too.

        schema: Of the watched database.

        source: A read-only connection to it.

        dsn: Of the scratch database, on another server.

        most_seconds: For all of it.

        most_bytes: Of samples, as they lie in tables.

        say: Told in one line what goes on.
    """
    wanted = dict(list(hypotheses.items())[:_MOST_HYPOTHESES])
    deadline = Deadline(min(_SECONDS, most_seconds), "trying hypotheses on a sample")
    try:
        with connect_scratch(dsn, deadline) as scratch:
            if same_server(source, scratch):
                raise NotPermitted(
                    "the scratch database is on the watched server, where nothing is ever created",
                    remedy="name a database of another server in advise.sample_dsn",
                )
            with suppress(psycopg.Rollback), scratch.transaction():
                trial = _Trial(
                    wanted,
                    beside,
                    schema,
                    source=source,
                    scratch=scratch,
                    deadline=deadline,
                    most_bytes=most_bytes,
                    say=say,
                )
                found = trial.run()
                raise psycopg.Rollback
    except ObserverError as error:
        reason = f"{error.sentence}; {error.remedy}" if error.remedy else error.sentence
    except psycopg.Error as error:
        reason = first_line(error)
    else:
        return found
    return {candidate.index: Verified(failure=reason) for candidate in wanted}


class _Trial:
    """One transaction's work."""

    def __init__(
        self,
        hypotheses: Mapping[Candidate, Sequence[Prepared]],
        beside: Sequence[Index],
        schema: Schema,
        *,
        source: psycopg.Connection[Any],
        scratch: psycopg.Connection[Any],
        deadline: Deadline,
        most_bytes: int,
        say: Callable[[str], None],
    ) -> None:
        self.hypotheses = hypotheses
        self.beside = beside
        self.schema = schema
        self.source = source
        self.scratch = scratch
        self.deadline = deadline
        self.most_bytes = most_bytes
        self.say = say
        self.session = Session(scratch, hypopg=None, version=scratch.info.server_version)
        self.bases: dict[tuple[int, str, str], Plan] = {}

    def run(self) -> dict[Index, Verified]:
        names = {
            name
            for made in self.hypotheses.values()
            for one in made
            for name in one.shape.relations
            if self.schema.relations[name].is_table
        }
        relations = [self.schema.relations[name] for name in sorted(names)]
        take_settings(self.source, self.scratch)
        samples = copy_tables(
            self.source, self.scratch, relations, most_bytes=self.most_bytes, deadline=self.deadline
        )
        self.say(f"copied samples of {len(relations)} tables into the scratch database")
        for sample in {id(sample): sample for sample in samples}.values():
            for relation in relations:
                standing = [one.index for one in relation.indexes if one.usable]
                for index in [*standing, *(one for one in self.beside if one.relation == relation.name)]:
                    self._try_index(moved_index(index, sample.names[relation.name]), "")
        found = {}
        for candidate, made in self.hypotheses.items():
            try:
                found[candidate.index] = self._one(candidate, made, *samples)
            except ObserverError as error:
                found[candidate.index] = Verified(failure=error.sentence)
        return found

    def _try_index(self, index: Index, name: str) -> str:
        """Build it; what the server said against it, or nothing."""
        self.deadline.check()
        unique = "UNIQUE " if index.unique else ""
        try:
            with self.scratch.transaction():
                self.scratch.execute(f"CREATE {unique}INDEX {name} ON {index.body}".encode())
        except psycopg.Error as error:
            return first_line(error)
        return ""

    def _one(
        self, candidate: Candidate, prepared: Sequence[Prepared], small: Sampled, large: Sampled
    ) -> Verified:
        if candidate.needs:
            with suppress(psycopg.Error), self.scratch.transaction():
                self.scratch.execute(
                    sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(candidate.needs))
                )
        relation = candidate.index.relation
        points: dict[int, list[Point]] = {}
        plans: dict[int, tuple[Plan, Plan]] = {}
        others: dict[int, dict[str, tuple[float, float, bool]]] = {}
        failure = ""
        for sample in (small, large):
            table = sample.names[relation]
            without = {n: self._plan(made.question, sample) for n, made in enumerate(prepared)}
            other_before = self._others(prepared, sample) if sample is large else {}
            failure = self._try_index(moved_index(candidate.index, table), _NAME)
            if failure:
                return Verified(failure=failure)
            try:
                self.scratch.execute(sql.SQL("ANALYZE pg_temp.{}").format(sql.Identifier(table)))
                size = self._size()
                for number, made in enumerate(prepared):
                    before = without[number]
                    after = self._plan(made.question, sample)
                    if before is None or after is None:
                        failure = "the statement cannot be planned on the copy"
                        continue
                    points.setdefault(number, []).append(
                        Point(sample.shares[relation], before.cost, after.cost, _uses(after), size)
                    )
                    plans[number] = before, after
                for number, by_variant in (self._others(prepared, sample) if sample is large else {}).items():
                    others[number] = {
                        variant: (other_before[number][variant].cost, plan.cost, _uses(plan))
                        for variant, plan in by_variant.items()
                        if variant in other_before.get(number, {})
                    }
            finally:
                self.scratch.execute(sql.SQL("DROP INDEX pg_temp.{}").format(sql.Identifier(_NAME)))
        effects, size = [], 0
        for number, made in enumerate(prepared):
            pair = points.get(number, [])
            result: Scaled | None = scaled(*pair) if len(pair) == 2 else None
            if result is not None and result.left < 1:
                size = max(size, result.size)
                effects.append(Effect(made, result.left, result.how, *plans[number], others.get(number, {})))
        if not effects:
            return Verified(failure=failure or "on the copy the planner does not want it")
        return Verified(tuple(effects), size)

    def _plan(self, question: Question, sample: Sampled) -> Plan | None:
        self.deadline.check()
        try:
            text = moved(question.text, self.schema, sample.names, sample.missing)
        except NotMovable:
            return None
        name = f"{question.name}_{'_'.join(sample.names.values())[-40:]}"
        try:
            with self.scratch.transaction():
                return self.session.price(Question(name, text, question.parameters, question.values), ())
        except Unpriceable:
            return None

    def _others(self, prepared: Sequence[Prepared], sample: Sampled) -> dict[int, dict[str, Plan]]:
        found: dict[int, dict[str, Plan]] = {}
        for number, made in enumerate(prepared):
            for variant, question in sorted(made.others.items()):
                plan = self._plan(question, sample)
                if plan is not None:
                    found.setdefault(number, {})[variant] = plan
        return found

    def _size(self) -> int:
        row = self.scratch.execute(
            "SELECT pg_catalog.pg_relation_size(pg_catalog.to_regclass('pg_temp.' || %s))", (_NAME,)
        ).fetchone()
        return int(row[0]) if row and row[0] else 0


def _uses(plan: Plan) -> bool:
    return any(node.index == _NAME for node in plan.nodes)
