"""Reads the databases that the persistent connection is not in, one after the other over one connection.

That goes by a clock and in a thread of its own: a collection takes what is there, and waits for nothing.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from observer.deadlines import Deadline, cut_off
from observer.errors import ObserverError
from observer.exporter.snapshot import KEEP_INTERVALS, Fault, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from observer.exporter.declaration import Family
    from observer.exporter.postgres.databases import Database
    from observer.exporter.postgres.reading import Reader
    from observer.exporter.postgres.rounds import Rounds
    from observer.targets.postgres import PostgresSession

NAME = "databases"
"""The collector under which visits stand on the start page and in settings."""

LOCKED = Fault(
    "deadline",
    "a table of its catalogue is locked exclusively",
    "Wait for the VACUUM FULL, REINDEX or CLUSTER of a pg_catalog table in it to end.",
)
"""Why a database is not even connected to: a backend would wait for the lock, whatever its time-outs."""


@dataclass(frozen=True, slots=True)
class State:
    """What is known of a visited database.

    Args:
        name: The database's.
        ok: Whether the last visit brought everything.
        last_success: When a visit last did, in seconds since the epoch; ``None`` for never.
    """

    name: str
    ok: bool
    last_success: float | None


@dataclass(slots=True)
class _Known:
    """A database, with a reader for each collector: results are compared with the last ones of the same."""

    readers: list[Reader]
    locked: bool = False
    visited: bool = False
    fault: Fault | None = None
    last_success: float | None = None
    families: list[Family] = field(default_factory=list)


class Visits:
    """The visits of one server. `follow`, `outcome` and `states` are called by its collections.

    Args:
        target: The target's name.
        session_to: Makes a session with a database, not connected yet.
        readers: Makes the readers of a database.
        rounds: When each is visited.
        deadline: Seconds that a visit may take.
    """

    def __init__(
        self,
        target: str,
        *,
        session_to: Callable[[str], PostgresSession],
        readers: Callable[[], list[Reader]],
        rounds: Rounds,
        deadline: float,
    ) -> None:
        self._session_to = session_to
        self._make_readers = readers
        self._rounds = rounds
        self._deadline = deadline
        self._known: dict[str, _Known] = {}
        self._session: PostgresSession | None = None
        self._standby = False
        self._away = False
        self._stopping = False
        self._seconds = 0.0
        self._changed = False
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"visit-{target}", daemon=True)

    @property
    def connections(self) -> int:
        """How many connections are held: at most one."""
        session = self._session
        return int(session is not None and session.connected)

    def follow(self, databases: Iterable[Database], *, standby: bool) -> None:
        """Which databases there are now, and the role of the server. Begins to visit at the first call."""
        now = time.monotonic()
        found = {database.name: database for database in databases}
        with self._wake:
            if self._away:
                self._away, self._changed = False, True
                self._rounds.again(now)
                for known in self._known.values():
                    self._drop_old(known, now)
                    known.families = [family for reader in known.readers for family in reader.families]
            self._standby = standby
            self._rounds.follow(found, now)
            for gone in self._known.keys() - found.keys():
                del self._known[gone]
                self._changed = True
            for name, database in found.items():
                if name not in self._known:
                    self._known[name] = _Known(self._make_readers())
                if self._known[name].locked and not database.locked:
                    self._rounds.again(now, name)
                self._known[name].locked = database.locked
            if found and self._thread.ident is None and not self._stopping:
                self._thread.start()
            self._wake.notify_all()

    def pause(self) -> None:
        """The server does not answer: visit nothing until it does."""
        with self._wake:
            self._away = True

    def outcome(self, *, anew: bool = False) -> Outcome | None:
        """What all visits have brought, and the first fault.

        Args:
            anew: Whether it is wanted although nothing changed since the last; else that yields ``None``.
        """
        with self._wake:
            if not self._changed and not anew:
                return None
            self._changed = False
            families = [family for name in sorted(self._known) for family in self._known[name].families]
            faults = [(name, known.fault) for name, known in sorted(self._known.items()) if known.fault]
            return Outcome(NAME, self._seconds, families, _told(faults))

    def states(self) -> list[State]:
        """The databases that were visited, by name."""
        with self._wake:
            return [
                State(name, known.fault is None, known.last_success)
                for name, known in sorted(self._known.items())
                if known.visited
            ]

    def stop(self, timeout: float) -> None:
        """End the thread; a visit that is under way is cut off."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        session = self._session
        if session is not None:
            session.abort()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            with self._wake:
                name = self._await_turn()
                if name is None:
                    break
                known, standby = self._known[name], self._standby
            began = time.monotonic()
            reached, fault = (
                (False, LOCKED) if known.locked else self._visit(name, known.readers, standby=standby)
            )
            ended = time.monotonic()
            with self._wake:
                self._rounds.visited(name, began=began, ended=ended, ok=reached)
                self._note(known, fault, ended)
                self._seconds = ended - began

    def _await_turn(self) -> str | None:
        """The database whose turn has come; ``None`` when it is time to end."""
        while not self._stopping:
            turn = None if self._away else self._rounds.next()
            wait = turn[1] - time.monotonic() if turn is not None else None
            if turn is not None and wait is not None and wait <= 0:
                return turn[0]
            self._wake.wait(wait)
        return None

    def _visit(self, name: str, readers: Sequence[Reader], *, standby: bool) -> tuple[bool, Fault | None]:
        """Run the collectors that are due; what one of them suffers is that one's alone.

        Returns:
            Whether the database was reached, and the first fault.
        """
        fault: Fault | None = None
        deadline = Deadline(self._deadline, f"database {name}")
        session = self._session = self._session_to(name)
        try:
            with cut_off(deadline, session.abort):
                facts = session.facts(deadline)
                for reader in readers:
                    if not reader.question.fits(facts, standby=standby):
                        reader.forget()
                    elif time.monotonic() >= reader.next_at:
                        found = reader.read(session, facts, now=time.monotonic(), deadline=deadline)
                        fault = fault or found
                        if not session.connected:
                            break
            reached = session.connected
        except ObserverError as error:
            reached, fault = False, Fault(error.code, error.sentence, error.remedy)
        except Exception as error:  # noqa: BLE001 - one database's surprise must not end the visits of all
            reached, fault = False, Fault("internal", f"{type(error).__name__}: {error}")
        self._session = None
        session.close()
        return reached, fault

    def _note(self, known: _Known, fault: Fault | None, now: float) -> None:
        """Keep what a visit brought; after failures old results are shown a while, then dropped."""
        known.visited, known.fault = True, fault
        if fault is None:
            known.last_success = time.time()
        else:
            self._drop_old(known, now)
        known.families = [family for reader in known.readers for family in reader.families]
        self._changed = True

    def _drop_old(self, known: _Known, now: float) -> None:
        for reader in known.readers:
            if now - reader.at > KEEP_INTERVALS * max(self._rounds.interval, reader.clock):
                reader.forget()


def _told(faults: list[tuple[str, Fault]]) -> Fault | None:
    if not faults:
        return None
    name, fault = faults[0]
    more = f" (and {len(faults) - 1} more databases)" if len(faults) > 1 else ""
    remedy = f"{fault.remedy} Or leave it out: databases: {{exclude: [{name}]}}.".strip()
    return Fault(fault.code, f"database {name}{more}: {fault.sentence}", remedy)
