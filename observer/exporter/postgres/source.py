"""A PostgreSQL server as a source: which collectors run when, and what each brought."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from observer.errors import Kind, NotAvailable, ObserverError
from observer.exporter.declaration import Family, MetricDeclaration, one
from observer.exporter.postgres import settings, statement_texts, statements
from observer.exporter.postgres.collectors import sql_collectors, wanted
from observer.exporter.postgres.requirement import Requirement
from observer.exporter.postgres.sqlcollector import SqlCollector, SqlResults
from observer.exporter.postgres.statement_texts import StatementTexts
from observer.exporter.postgres.statements import StatementCollector
from observer.exporter.snapshot import Fault, Outcome, Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from observer.exporter import declaration
    from observer.exporter.snapshot import CollectionOrder
    from observer.targets.postgres import PostgresSession, ServerFacts

FACTS_INTERVAL = 60.0
"""Seconds after which extensions are looked up anew."""

UP = MetricDeclaration("pg_up", "gauge", "Whether the server answered the last collection.", "postgres")
LAST_DURATION = MetricDeclaration(
    "pg_exporter_last_scrape_duration_seconds",
    "gauge",
    "Seconds that the last collection took.",
    "postgres",
)
LAST_ERROR = MetricDeclaration(
    "pg_exporter_last_scrape_error",
    "gauge",
    "Whether a collector failed in the last collection.",
    "postgres",
)
SCRAPES = MetricDeclaration(
    "pg_exporter_scrapes_total",
    "counter",
    "Collections of this server.",
    "postgres",
)
COLLECTOR_SUCCESS = MetricDeclaration(
    "pg_scrape_collector_success",
    "gauge",
    "Whether the collector succeeded when it ran last.",
    "postgres",
    ("collector",),
)
COLLECTOR_DURATION = MetricDeclaration(
    "pg_scrape_collector_duration_seconds",
    "gauge",
    "Seconds that the collector took when it ran last.",
    "postgres",
    ("collector",),
)


def declared() -> tuple[MetricDeclaration, ...]:
    """Every metric of PostgreSQL whose name is known beforehand; settings are named by the server."""
    own = (UP, LAST_DURATION, LAST_ERROR, SCRAPES, COLLECTOR_SUCCESS, COLLECTOR_DURATION)
    from_sql = {metric.name: metric for file in sql_collectors() for metric in file.metrics}
    return (*own, *statements.DECLARED, statement_texts.QUERY_ID, *from_sql.values())


@dataclass(slots=True)
class _Task:
    """A collector, when it is due, and what must hold for it."""

    name: str
    run: Callable[[ServerFacts, CollectionOrder], Sequence[Family] | None]
    clock: float = 0.0
    requires: Requirement = field(default_factory=Requirement)
    insisted: bool = False
    """Whether the settings name it: then it is a fault that its extension is missing."""
    next_at: float = 0.0

    def fits(self, facts: ServerFacts, *, standby: bool) -> bool:
        return self.requires.met(version=facts.version, standby=standby) and (
            self.insisted or self.requires.has_extension(facts.extensions)
        )


class PostgresSource:
    """A server with its collectors.

    Args:
        name: The target's.
        session: The persistent connection.
        top: Statements with series of their own; 0 for no statements at all.
        text_length: Characters of a statement's text on the page; 0 for no texts.
        sizes_interval: Seconds between two readings of sizes.
        slow_interval: Seconds between two readings of what is dearer still, or moves slowly.
        switches: Which collectors run, by name, where that is not as by default.
    """

    kind: declaration.Kind = "postgres"
    labels = ""

    def __init__(
        self,
        name: str,
        session: PostgresSession,
        *,
        top: int,
        text_length: int,
        sizes_interval: float,
        slow_interval: float,
        switches: Mapping[str, bool],
    ) -> None:
        self.name = name
        self._session = session
        self._scrapes = 0
        self._facts_at = 0.0
        self._standby = False
        self._clocks = {"": 0.0, "sizes": sizes_interval, "slow": slow_interval}
        self._latest: dict[str, Outcome] = {}
        self._settings_rows: list[tuple[Any, ...]] = []
        self._settings_families: list[Family] = []
        self._tasks = [
            _Task(
                file.name,
                self._sql(file),
                self._clocks[file.clock] if isinstance(file.clock, str) else file.clock,
                file.requires,
                file.name in switches,
            )
            for file in sql_collectors()
            if wanted(file, switches)
        ]
        if switches.get(settings.NAME, True):
            self._tasks.append(_Task(settings.NAME, self._settings))
        if top and switches.get(statements.NAME, True):
            collector = StatementCollector(top=top)
            self._tasks.append(
                _Task(statements.NAME, lambda facts, order: collector.collect(session, facts, order)),
            )
            if text_length and switches.get(statement_texts.NAME, True):
                texts = StatementTexts(length=text_length)
                self._tasks.append(
                    _Task(
                        statement_texts.NAME,
                        lambda facts, order: texts.collect(session, facts, order, collector.queryids()),
                    ),
                )

    @property
    def address(self) -> str:
        return self._session.address.shown

    def declared(self) -> Sequence[MetricDeclaration]:
        return declared()

    def abort(self) -> None:
        self._session.abort()

    def close(self) -> None:
        self._session.close()

    def collect(self, order: CollectionOrder) -> Reading:
        began = time.monotonic()
        self._scrapes += 1
        outcomes: list[Outcome] = []
        gone: list[str] = []
        up, fault = True, None
        facts = None
        try:
            facts = self._learn(order)
            fitting = [task for task in self._tasks if task.fits(facts, standby=self._standby)]
            gone = sorted(self._latest.keys() - {task.name for task in fitting})
            for name in gone:
                del self._latest[name]
            for task in fitting:
                if order.now >= task.next_at:
                    outcome = self._run(task, facts, order)
                    if outcome is not None:
                        outcomes.append(outcome)
        except ObserverError as error:
            up, fault = False, Fault(error.code, error.sentence, error.remedy)
            # Nothing is kept of a server that is down; what has a slow clock is read as soon as it is back.
            for task in self._tasks:
                task.next_at = 0.0
        for outcome in outcomes:
            self._latest[outcome.collector] = outcome
        return Reading(
            up=up,
            outcomes=outcomes,
            gone=gone,
            always=self._always(up=up, seconds=time.monotonic() - began),
            facts=self._shown(facts) if up and facts else {},
            fault=fault,
        )

    def _learn(self, order: CollectionOrder) -> ServerFacts:
        """Facts of the server by a question to it: that it answers is what ``pg_up`` says."""
        self._standby = self._session.awaken(order.deadline)
        if order.now - self._facts_at >= FACTS_INTERVAL:
            self._facts_at = order.now
            return self._session.refresh_facts(order.deadline)
        return self._session.facts(order.deadline)

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

    def _sql(self, file: SqlCollector) -> Callable[[ServerFacts, CollectionOrder], list[Family]]:
        results, needed = SqlResults(file), file.requires.extension

        def run(facts: ServerFacts, order: CollectionOrder) -> list[Family]:
            if not file.requires.has_extension(facts.extensions):
                raise NotAvailable(
                    f"the extension {needed} is not installed in database {facts.database},"
                    " or not in the version that is needed",
                    remedy=f"Run in {facts.database}: CREATE EXTENSION {needed};"
                    f" or ALTER EXTENSION {needed} UPDATE;",
                )
            schema = facts.extensions[needed][0] if needed else ""
            names, rows = self._session.table(file.statement(schema), deadline=order.deadline)
            return results.families(rows, names)

        return run

    def _settings(self, _: ServerFacts, order: CollectionOrder) -> list[Family]:
        rows = self._session.rows(settings.QUERY, deadline=order.deadline)
        if rows != self._settings_rows:
            self._settings_rows, self._settings_families = rows, settings.families(rows)
        return self._settings_families

    def _always(self, *, up: bool, seconds: float) -> list[Family]:
        latest = self._latest.values()
        failed = not up or any(outcome.families is None for outcome in latest)
        return [
            one(UP, int(up)),
            one(LAST_DURATION, seconds),
            one(LAST_ERROR, int(failed)),
            one(SCRAPES, self._scrapes),
            Family(
                COLLECTOR_SUCCESS,
                [
                    ("", f'collector="{task.name}"', int(up and outcome.families is not None))
                    for task in self._tasks
                    if (outcome := self._latest.get(task.name)) is not None
                ]
                or [("", f'collector="{task.name}"', 0) for task in self._tasks],
            ),
            Family(
                COLLECTOR_DURATION,
                [("", f'collector="{outcome.collector}"', outcome.seconds) for outcome in latest],
            ),
        ]

    def _shown(self, facts: ServerFacts) -> dict[str, str]:
        major, minor = divmod(facts.version, 10000)
        shown = {
            "version": f"PostgreSQL {major}.{minor}",
            "role": "standby" if self._standby else "primary",
            "database": facts.database,
        }
        if facts.pooled:
            shown["warning"] = "connected through a pooler; connect directly to the server"
        return shown
