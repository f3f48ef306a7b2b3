"""A PostgreSQL server as a source: which collectors run when, and what each brought."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from observer.errors import Kind, ObserverError
from observer.exporter.postgres import (
    about,
    settings,
    statement_columns,
    statement_texts,
    statements,
    visits,
)
from observer.exporter.postgres.collectors import sql_collectors, wanted
from observer.exporter.postgres.custom.asking import EntryQuestion
from observer.exporter.postgres.custom.files import NO_QUERIES, CustomQueries
from observer.exporter.postgres.databases import DISCOVERY, Choice, chosen
from observer.exporter.postgres.reading import FileQuestion, Question, Reader
from observer.exporter.postgres.rounds import Rounds
from observer.exporter.postgres.statement_texts import StatementTexts
from observer.exporter.postgres.statements import StatementCollector
from observer.exporter.postgres.visits import Visits
from observer.exporter.snapshot import Fault, Outcome, Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from observer.exporter import declaration
    from observer.exporter.declaration import Family, MetricDeclaration
    from observer.exporter.postgres.databases import Database
    from observer.exporter.postgres.sqlcollector import Scope
    from observer.exporter.snapshot import CollectionOrder
    from observer.targets.postgres import PostgresSession, ServerFacts

FACTS_INTERVAL = 60.0
"""Seconds after which extensions are looked up anew."""


def declared() -> tuple[MetricDeclaration, ...]:
    """Every metric of PostgreSQL whose name is known beforehand; settings are named by the server."""
    from_sql = {metric.name: metric for file in sql_collectors() for metric in file.metrics}
    return (*about.DECLARED, *statement_columns.DECLARED, statement_texts.QUERY_ID, *from_sql.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is read of a server, and how often.

    Args:
        top: Statements with series of their own; 0 for no statements at all.
        details: Groups of the counters that explain a statement.
        details_interval: Seconds between two readings of those.
        text_length: Characters of a statement's text on the page; 0 for no texts.
        sizes_interval: Seconds between two readings of sizes.
        slow_interval: Seconds between two readings of what moves slowly.
        switches: Which collectors run, by name, where that is not as by default.
        databases: Which databases are read.
        databases_interval: Seconds between two visits of a database that the DSN does not name.
        visit_deadline: Seconds that such a visit may take.
        custom: Queries of the user's own.
    """

    top: int
    details: Sequence[str]
    details_interval: float
    text_length: int
    sizes_interval: float
    slow_interval: float
    switches: Mapping[str, bool]
    databases: Choice
    databases_interval: float
    visit_deadline: float
    custom: CustomQueries = NO_QUERIES

    def runs(self, collector: str) -> bool:
        """Whether a collector that is no file runs."""
        return self.switches.get(collector, True)

    def readers(self, scope: Scope) -> list[Reader]:
        """The collectors of one scope that only ask SQL, for one database."""
        questions: list[tuple[Question, str | float]] = [
            (FileQuestion(file, insisted=file.name in self.switches), file.clock)
            for file in sql_collectors()
            if wanted(file, self.switches)
        ]
        questions += [(FileQuestion(file, insisted=True), file.clock) for file in self.custom.collectors]
        questions += [(EntryQuestion(entry), entry.clock) for entry in self.custom.entries]
        clocks = {"": 0.0, "sizes": self.sizes_interval, "slow": self.slow_interval}
        return [
            Reader(question, clock=clocks[clock] if isinstance(clock, str) else clock)
            for question, clock in questions
            if question.scope == scope
        ]


@dataclass(slots=True)
class _Task:
    """A collector, and when it is due."""

    name: str
    run: Callable[[ServerFacts, CollectionOrder], Sequence[Family] | None]
    clock: float = 0.0
    fits: Callable[[ServerFacts], bool] = lambda _: True
    next_at: float = 0.0


class PostgresSource:
    """A server with its collectors.

    Args:
        name: The target's.
        session: The persistent connection.
        plan: What is read.
    """

    kind: declaration.Kind = "postgres"
    labels = ""

    def __init__(self, name: str, session: PostgresSession, plan: Plan) -> None:
        self.name = name
        self._session = session
        self._plan = plan
        self._scrapes = 0
        self._facts_at = 0.0
        self._standby = False
        self._reads_here = True
        self._lost = False
        self._databases: list[Database] = []
        self._latest: dict[str, Outcome] = {}
        self._settings_rows: list[tuple[Any, ...]] = []
        self._settings_families: list[Family] = []
        self._visits = Visits(
            name,
            session_to=session.beside,
            readers=lambda: plan.readers("database"),
            rounds=Rounds(plan.databases_interval),
            deadline=plan.visit_deadline,
        )
        self._tasks = list(self._made_tasks())

    @property
    def address(self) -> str:
        return self._session.address.shown

    def declared(self) -> Sequence[MetricDeclaration]:
        return (*declared(), *self._plan.custom.declared())

    def abort(self) -> None:
        self._session.abort()

    def close(self) -> None:
        self._session.close()
        self._visits.stop(3.0)

    def collect(self, order: CollectionOrder) -> Reading:
        began = time.monotonic()
        self._scrapes += 1
        outcomes: list[Outcome] = []
        gone: list[str] = []
        fault = None
        facts = None
        try:
            facts = self._learn(order)
            lost = self._look_around(facts, order)
            fitting = [task for task in self._tasks if task.fits(facts)]
            gone = sorted(self._latest.keys() - {task.name for task in fitting} - {visits.NAME})
            for name in gone:
                del self._latest[name]
            for task in fitting:
                if order.now >= task.next_at:
                    outcome = self._run(task, facts, order)
                    if outcome is not None:
                        outcomes.append(outcome)
            visited = lost or self._visits.outcome(anew=self._lost)
            self._lost = lost is not None
            if visited is not None:
                outcomes.append(visited)
        except ObserverError as error:
            fault = Fault(error.code, error.sentence, error.remedy)
            # Nothing is kept of a server that is down; what has a slow clock is read as soon as it is back.
            for task in self._tasks:
                task.next_at = 0.0
            self._visits.pause()
        self._latest.update({outcome.collector: outcome for outcome in outcomes})
        up = fault is None
        return Reading(
            up=up,
            outcomes=outcomes,
            gone=gone,
            always=about.families(
                up=up,
                seconds=time.monotonic() - began,
                collections=self._scrapes,
                collectors=[*(task.name for task in self._tasks), visits.NAME],
                latest=self._latest,
                databases=self._visits.states(),
            ),
            facts=self._shown(facts) if up and facts else {},
            fault=fault,
            connections=int(self._session.connected) + self._visits.connections,
        )

    def _learn(self, order: CollectionOrder) -> ServerFacts:
        """Facts of the server by a question to it: that it answers is what ``pg_up`` says."""
        self._standby = self._session.awaken(order.deadline)
        if order.now - self._facts_at >= FACTS_INTERVAL:
            self._facts_at = order.now
            return self._session.refresh_facts(order.deadline)
        return self._session.facts(order.deadline)

    def _look_around(self, facts: ServerFacts, order: CollectionOrder) -> Outcome | None:
        """Which databases there are. Behind a pooler a visit would open connections that nobody bounds.

        Returns:
            What is told of visits when that could not be asked: while pg_database is locked, for example.

        Raises:
            ObserverError: The connection is gone.
        """
        try:
            rows = self._session.rows(DISCOVERY, deadline=order.deadline)
        except ObserverError as error:
            if not self._session.connected:
                raise
            return Outcome(visits.NAME, 0.0, None, Fault(error.code, error.sentence, error.remedy))
        self._databases = chosen(rows, self._plan.databases)
        self._reads_here = any(database.here for database in self._databases)
        if self._plan.runs(visits.NAME) and not facts.pooled:
            others = [database for database in self._databases if not database.here]
            self._visits.follow(others, standby=self._standby)
        return None

    def _run(self, task: _Task, facts: ServerFacts, order: CollectionOrder) -> Outcome | None:
        """What a collector brought; ``None`` when it had nothing new to say.

        Raises:
            ObserverError: The connection is gone, so no other collector can run either.
        """
        began = time.monotonic()
        families: Sequence[Family] | None = None
        fault = None
        try:
            families = task.run(facts, order)
            if families is None:
                return None
        except ObserverError as error:
            if error.kind is Kind.RETRYABLE and not self._session.connected:
                raise
            fault = Fault(error.code, error.sentence, error.remedy)
        if task.clock:
            # After a failure the next collection tries again, but not sooner than a tenth of the clock.
            task.next_at = order.now + (task.clock if fault is None else task.clock / 10)
        return Outcome(task.name, time.monotonic() - began, families, fault, task.clock)

    def _made_tasks(self) -> Iterator[_Task]:
        session, plan = self._session, self._plan
        for scope in ("server", "database"):
            for reader in plan.readers(scope):
                yield self._reading(reader)
        if plan.runs(settings.NAME):
            yield _Task(settings.NAME, self._settings)
        if not plan.top or not plan.runs(statements.NAME):
            return
        collector = StatementCollector(
            top=plan.top,
            details=statement_columns.details(plan.details),
            details_interval=plan.details_interval,
        )
        yield _Task(statements.NAME, lambda facts, order: collector.collect(session, facts, order))
        if plan.text_length and plan.runs(statement_texts.NAME):
            texts = StatementTexts(length=plan.text_length)
            yield _Task(
                statement_texts.NAME,
                lambda facts, order: texts.collect(session, facts, order, collector.queryids()),
            )

    def _reading(self, reader: Reader) -> _Task:
        in_database = reader.question.scope == "database"
        return _Task(
            reader.question.name,
            lambda facts, order: reader.question.ask(self._session, facts, order.deadline),
            reader.clock,
            lambda facts: (
                (self._reads_here or not in_database) and reader.question.fits(facts, standby=self._standby)
            ),
        )

    def _settings(self, _: ServerFacts, order: CollectionOrder) -> list[Family]:
        rows = self._session.rows(settings.QUERY, deadline=order.deadline)
        if rows != self._settings_rows:
            self._settings_rows, self._settings_families = rows, settings.families(rows)
        return self._settings_families

    def _shown(self, facts: ServerFacts) -> dict[str, str]:
        major, minor = divmod(facts.version, 10000)
        shown = {
            "version": f"PostgreSQL {major}.{minor}",
            "role": "standby" if self._standby else "primary",
            "database": facts.database,
        }
        if len(self._databases) > 1:
            shown["databases"] = str(len(self._databases))
        if facts.pooled:
            shown["warning"] = "connected through a pooler; connect directly to the server"
        return shown
