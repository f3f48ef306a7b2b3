"""A PgBouncer as a source: its console's tables as metrics."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from observer.errors import Kind, ObserverError
from observer.exporter.declaration import Family, MetricDeclaration, label_body, one
from observer.exporter.pgbouncer.tables import Table, console
from observer.exporter.snapshot import Fault, Outcome, Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from observer.deadlines import Deadline
    from observer.exporter import declaration
    from observer.exporter.snapshot import CollectionOrder
    from observer.targets.pgbouncer import PgbouncerSession

UP = MetricDeclaration(
    "pgbouncer_up", "gauge", "Whether the console answered the last collection.", "pgbouncer"
)
VERSION = MetricDeclaration(
    "pgbouncer_version_info",
    "gauge",
    "The version of PgBouncer; always 1.",
    "pgbouncer",
    ("version",),
)


def declared() -> tuple[MetricDeclaration, ...]:
    """Every metric of PgBouncer."""
    return (UP, VERSION, *console().metrics())


class PgbouncerSource:
    """A PgBouncer with its collectors, one for each SHOW command."""

    kind: declaration.Kind = "pgbouncer"
    labels = ""

    def __init__(self, name: str, session: PgbouncerSession) -> None:
        self.name = name
        self._session = session
        self._collectors: list[tuple[str, Callable[[Deadline], list[Family]]]] = [
            *((table.command.lower(), self._table(table)) for table in console().tables),
            *((command.lower(), self._items(command)) for command in console().items),
        ]

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
        outcomes: list[Outcome] = []
        try:
            version = self._session.begin(order.deadline)
            for name, run in self._collectors:
                outcomes.append(self._run(name, run, order.deadline))
        except ObserverError as error:
            return Reading(
                up=False,
                outcomes=outcomes,
                always=[one(UP, 0)],
                fault=Fault(error.code, error.sentence, error.remedy),
            )
        number = version.removeprefix("PgBouncer").split()[0]
        return Reading(
            up=True,
            outcomes=outcomes,
            always=[one(UP, 1), one(VERSION, 1, label_body(VERSION.labels, (number,)))],
            facts={"version": f"PgBouncer {number}"},
        )

    def _run(self, name: str, run: Callable[[Deadline], list[Family]], deadline: Deadline) -> Outcome:
        began = time.monotonic()
        try:
            families: list[Family] | None = run(deadline)
            fault = None
        except ObserverError as error:
            if error.kind is Kind.RETRYABLE and not self._session.connected:
                raise
            families, fault = None, Fault(error.code, error.sentence, error.remedy)
        return Outcome(name, time.monotonic() - began, families, fault)

    def _table(self, table: Table) -> Callable[[Deadline], list[Family]]:
        return lambda deadline: table.families(self._session.show(table.command, deadline))

    def _items(self, command: str) -> Callable[[Deadline], list[Family]]:
        """A table of two columns, an item and its value; in CONFIG only some values are numbers."""
        wanted = console().items[command]

        def collect(deadline: Deadline) -> list[Family]:
            families = []
            for row in self._session.show(command, deadline):
                item, value, *_ = row.values()
                families += [one(metric, int(value)) for metric in wanted.get(item, ())]
            return families

        return collect
