"""Counters that only grow, made from a server's counters that are reset, evicted and lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

K = TypeVar("K")


class DeltaTracker(Generic[K]):
    """Turns absolute counters into what was added since they were read last.

    The first reading is the baseline: it yields nothing, so that a process never claims what happened
    before it started. After that

    * an entry that was not there before was made since: all of it is new;
    * an entry whose leading counter fell, or whose birth changed, was lost and made again: all of it is new;
    * when the epoch changed, everything was reset in between: all of everything is new.

    The server keeps no trace of what an entry counted between the last reading and its loss.
    """

    def __init__(self) -> None:
        self._last: dict[K, tuple[Hashable, tuple[float, ...]]] | None = None
        self._epoch: Hashable = None

    @property
    def started(self) -> bool:
        """Whether the baseline was read; a server without entries has been read as well."""
        return self._last is not None

    def advance(
        self,
        rows: Iterable[tuple[K, Hashable, tuple[float, ...]]],
        *,
        epoch: Hashable,
    ) -> Iterator[tuple[K, tuple[float, ...]]]:
        """What was added since the last reading, for the entries to which anything was.

        Args:
            rows: Key, birth (``None`` where the server does not tell) and counters of every entry that is
                there; the first counter leads: it grows with every change of the others.
            epoch: Changes when the server forgets all entries at once.
        """
        last = self._last
        if epoch != self._epoch and last is not None:
            last = {}
        self._epoch = epoch
        current: dict[K, tuple[Hashable, tuple[float, ...]]] = {}
        added: list[tuple[K, tuple[float, ...]]] = []
        for key, born, counters in rows:
            entry = (born, counters)
            current[key] = entry
            if last is None:
                continue
            before = last.get(key)
            if before is None:
                if counters[0]:
                    added.append((key, counters))
            elif before != entry:
                added.append((key, _difference(before, entry)))
        self._last = current
        yield from added

    def __len__(self) -> int:
        return len(self._last or ())


def _difference(
    before: tuple[Hashable, tuple[float, ...]],
    now: tuple[Hashable, tuple[float, ...]],
) -> tuple[float, ...]:
    old, new = before[1], now[1]
    if before[0] != now[0] or new[0] < old[0]:
        return new
    delta = tuple([b - a for a, b in zip(old, new, strict=True)])
    return new if min(delta) < 0 else delta
