"""One thread for each replica, all asked at once, and none waited for longer than it deserves."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from observer.deadlines import Deadline, cut_off
from observer.errors import ObserverError
from observer.exporter.snapshot import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from observer.exporter.hikari.reader import PoolReader, Pools
    from observer.exporter.hikari.replicas import Replica

NEWCOMER = 2.0
"""Seconds that a collection waits for a replica that was never read, when there are others."""

AT_LEAST = 1.0
"""Seconds that it waits for one that answered last time: pauses of a garbage collector are shorter."""

ABSENT = 0.1
"""Seconds that it waits for one that did not."""

MARGIN = 0.05
"""Seconds before a collection's end at which the reading of a replica must be over."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one replica told in one round: its pools, or why there is nothing."""

    round: int
    seconds: float
    pools: Pools | None
    fault: Fault | None = None


class _Member:
    """A replica with its thread."""

    def __init__(self, replica: Replica, reader: PoolReader, changed: threading.Condition) -> None:
        self.replica = replica
        self.told: Told | None = None
        self._reader = reader
        self._changed = changed
        self._order: tuple[int, Deadline] | None = None
        self._reading = False
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"replica-{replica.label}", daemon=True)
        self._thread.start()

    def ask(self, number: int, deadline: Deadline) -> None:
        """Begin to read, unless the reading of an earlier round has not come back."""
        if not self._reading:
            self._reading = True
            self._order = (number, deadline)

    def abort(self) -> None:
        if self._reading:
            self._reader.session.abort()

    def stop(self) -> None:
        """End the thread, soon, whatever it does."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self.abort()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def patience(self, left: float, *, alone: bool) -> float:
        """Seconds that this round may wait for it."""
        if alone:
            return left
        if self.told is None:
            return min(left, NEWCOMER)
        return min(left, max(AT_LEAST, 4 * self.told.seconds)) if self.told.pools else min(left, ABSENT)

    def _run(self) -> None:
        while True:
            with self._changed:
                while self._order is None and not self._stopping:
                    self._changed.wait()
                if self._stopping or self._order is None:
                    break
                (number, deadline), self._order = self._order, None
            told = self._read(number, deadline)
            with self._changed:
                self.told, self._reading = told, False
                self._changed.notify_all()
        self._reader.session.close()

    def _read(self, number: int, deadline: Deadline) -> Told:
        began = time.monotonic()
        pools, fault = None, None
        try:
            with cut_off(deadline, self._reader.session.abort):
                pools = self._reader.read(deadline)
        except ObserverError as error:
            fault = Fault(error.code, error.sentence, error.remedy)
        except Exception as error:  # noqa: BLE001 - one replica's surprise must not end its thread
            fault = Fault("internal", f"{self.replica.label}: {type(error).__name__}: {error}")
        return Told(number, time.monotonic() - began, pools, fault)


class Fleet:
    """The replicas of one service.

    Args:
        open_reader: Makes what reads a replica; nothing is connected by that.
    """

    def __init__(self, open_reader: Callable[[Replica], PoolReader]) -> None:
        self._open = open_reader
        self._members: dict[Replica, _Member] = {}
        self._changed = threading.Condition()
        self._round = 0

    def read(self, replicas: Sequence[Replica], deadline: Deadline) -> list[tuple[Replica, Told]]:
        """What each replica tells, in their order; those that are no more are let go.

        A replica that hangs is waited for once; from then on the others' numbers wait a tenth of a second.

        Args:
            replicas: All there are now.
            deadline: By when this returns.
        """
        members = self._follow(replicas)
        reading = Deadline(max(0.0, deadline.left() - MARGIN), deadline.what)
        with self._changed:
            self._round += 1
            number = self._round
            now = time.monotonic()
            alone = len(members) == 1
            until = {one: now + one.patience(reading.left() + MARGIN, alone=alone) for one in members}
            for one in members:
                one.ask(number, reading)
            self._changed.notify_all()
            while True:
                missing = [one for one in members if one.told is None or one.told.round != number]
                left = max((until[one] for one in missing), default=0.0) - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            return [(one.replica, self._of_round(one, number)) for one in members]

    def abort(self) -> None:
        """Cut off whatever is being read. Safe to call from another thread."""
        for one in list(self._members.values()):
            one.abort()

    def close(self) -> None:
        """End all threads."""
        members, self._members = list(self._members.values()), {}
        for one in members:
            one.stop()
        until = time.monotonic() + 2.0
        for one in members:
            one.join(max(0.0, until - time.monotonic()))

    def _follow(self, replicas: Sequence[Replica]) -> list[_Member]:
        for gone in self._members.keys() - set(replicas):
            self._members.pop(gone).stop()
        for replica in replicas:
            if replica not in self._members:
                self._members[replica] = _Member(replica, self._open(replica), self._changed)
        return [self._members[replica] for replica in replicas]

    def _of_round(self, member: _Member, number: int) -> Told:
        told = member.told
        if told is not None and told.round == number:
            return told
        sentence = f"{member.replica.label}: no answer in time"
        return Told(number, 0.0, None, Fault("deadline", sentence))
