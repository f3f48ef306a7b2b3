"""A PgBouncer as a source: its console's tables as metrics."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from observer.errors import Kind, Malformed, NotAvailable, ObserverError
from observer.exporter.declaration import Family, MetricDeclaration, label_body, one
from observer.exporter.pgbouncer import connections
from observer.exporter.pgbouncer.tables import Table, console, item_value
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


SHARE = 20.0
"""A list of connections that took a second is asked for again after so many: at most a twentieth of the time.

PgBouncer has one thread, and does nothing else while it writes a list of ten thousand clients."""


def declared() -> tuple[MetricDeclaration, ...]:
    """Every metric of PgBouncer."""
    return (UP, VERSION, *console().metrics(), *connections.declared())


class PgbouncerSource:
    """A PgBouncer with its collectors, one for each SHOW command."""

    kind: declaration.Kind = "pgbouncer"
    labels = ""

    def __init__(self, name: str, session: PgbouncerSession) -> None:
        self.name = name
        self._session = session
        self._version = ""
        self._absent: set[str] = set()
        self._next_at: dict[str, float] = {}
        self._collectors: list[tuple[str, Callable[[Deadline], list[Family]]]] = [
            *((table.command, self._table(table)) for table in console().tables),
            *((command, self._items(command)) for command in console().items),
            *((command, self._connections(command)) for command in connections.COMMANDS),
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
            if version != self._version:
                # Another version may know other commands.
                self._version, self._absent = version, set()
            for command, run in self._collectors:
                if command not in self._absent and order.now >= self._next_at.get(command, 0.0):
                    outcomes += self._run(command, run, order)
        except ObserverError as error:
            return Reading(
                up=False,
                outcomes=outcomes,
                always=[one(UP, 0)],
                fault=Fault(error.code, error.sentence, error.remedy),
                connections=int(self._session.connected),
            )
        number = version.removeprefix("PgBouncer").split()[0]
        return Reading(
            up=True,
            outcomes=outcomes,
            always=[one(UP, 1), one(VERSION, 1, label_body(VERSION.labels, (number,)))],
            facts={"version": f"PgBouncer {number}"},
            connections=1,
        )

    def _run(
        self, command: str, run: Callable[[Deadline], list[Family]], order: CollectionOrder
    ) -> list[Outcome]:
        """What a command brought; nothing for one that this version does not have to know.

        Raises:
            ObserverError: The connection is gone, so no other command can be asked either.
        """
        began = time.monotonic()
        families: list[Family] | None
        fault: Fault | None
        try:
            families, fault = run(order.deadline), None
        except NotAvailable as error:
            if command in console().optional:
                self._absent.add(command)
                return []
            families, fault = None, Fault(error.code, error.sentence, error.remedy)
        except ObserverError as error:
            if error.kind is Kind.RETRYABLE and not self._session.connected:
                raise
            families, fault = None, Fault(error.code, error.sentence, error.remedy)
        except (ValueError, LookupError, TypeError) as error:
            # A table of another shape than any version known shows; the other tables go on.
            words = f"SHOW {command} could not be understood: {type(error).__name__}: {error}"
            families, fault = None, Fault(Malformed.code, words)
        seconds = time.monotonic() - began
        if command in connections.COMMANDS:
            self._next_at[command] = order.now + seconds * SHARE
        return [Outcome(command.lower(), seconds, families, fault)]

    def _table(self, table: Table) -> Callable[[Deadline], list[Family]]:
        return lambda deadline: table.families(self._session.show(table.command, deadline))

    def _items(self, command: str) -> Callable[[Deadline], list[Family]]:
        """A table of two columns, an item and its value; in CONFIG only some values are numbers."""
        wanted = console().items[command]

        def collect(deadline: Deadline) -> list[Family]:
            families = []
            for row in self._session.show(command, deadline):
                item, value, *_ = row.values()
                number = item_value(value)
                if number is not None:
                    families += [one(metric, number) for metric in wanted.get(item, ())]
            return families

        return collect

    def _connections(self, command: str) -> Callable[[Deadline], list[Family]]:
        return lambda deadline: list(connections.families(command, *self._session.rows(command, deadline)))
