"""A server's entries of statements that are called and lost, and an account of what could be read of them."""

from __future__ import annotations

from dataclasses import dataclass, field

Key = tuple[int, int, int]
"""Database, user, queryid."""


@dataclass(slots=True)
class Entry:
    """One entry: its counters, and what they were when the entry was read last."""

    born: int
    calls: int = 0
    milliseconds: int = 0
    read_calls: int = 0
    read_milliseconds: int = 0


@dataclass(slots=True)
class SimulatedStatements:
    """Entries, and for each key what was counted since the first reading less what nobody could read.

    An entry that is lost takes with it what it added since it was read last; everything else can be read.
    """

    entries: dict[Key, Entry] = field(default_factory=dict)
    epoch: int = 0
    calls: dict[Key, int] = field(default_factory=dict)
    """Readable calls by key since the first reading."""
    milliseconds: dict[Key, int] = field(default_factory=dict)
    _births: int = 0
    _began: bool = False

    def call(self, key: Key, calls: int, milliseconds: int) -> None:
        entry = self.entries.get(key)
        if entry is None:
            self._births += 1
            entry = self.entries[key] = Entry(self._births)
        entry.calls += calls
        entry.milliseconds += milliseconds
        self._account(key, calls, milliseconds)

    def lose(self, key: Key) -> None:
        """The entry is evicted, or reset by itself."""
        entry = self.entries.pop(key, None)
        if entry is not None:
            self._account(key, entry.read_calls - entry.calls, entry.read_milliseconds - entry.milliseconds)

    def reset(self) -> None:
        """Everything is reset; the server notes when."""
        self.crash()
        self.epoch += 1

    def crash(self) -> None:
        """Everything is lost, and nothing is noted."""
        for key in list(self.entries):
            self.lose(key)

    def read(self, *, births: bool = True) -> list[tuple[Key, int | None, tuple[float, ...]]]:
        """Every entry as a reader finds it: key, birth where the server tells it, calls and milliseconds."""
        self._began = True
        rows: list[tuple[Key, int | None, tuple[float, ...]]] = []
        for key, entry in self.entries.items():
            entry.read_calls, entry.read_milliseconds = entry.calls, entry.milliseconds
            counters = (float(entry.calls), float(entry.milliseconds))
            rows.append((key, entry.born if births else None, counters))
        return rows

    def _account(self, key: Key, calls: int, milliseconds: int) -> None:
        if self._began:
            self.calls[key] = self.calls.get(key, 0) + calls
            self.milliseconds[key] = self.milliseconds.get(key, 0) + milliseconds
