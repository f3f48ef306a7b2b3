"""Counters that only grow, made from a server's counters that are reset, evicted and lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

K = TypeVar("K")


def _as_it_is(row: Any) -> Any:  # noqa: ANN401 - a row that is of the right shape already
    return row


class DeltaTracker(Generic[K]):
    """Turns absolute counters into what was added since they were read last.

    The first reading is the baseline: it yields nothing, so that a process never claims what happened
    before it started. After that

    * an entry that was not there before was made since: all of it is new;
    * an entry whose leading counter fell, or whose birth changed, was lost and made again: all of it is new;
    * when the epoch changed, everything was reset in between: all of everything is new.

    The server keeps no trace of what an entry counted between the last reading and its loss.

    Args:
        split: Takes a row apart into key, birth (``None`` where the server does not tell) and counters. It is
            called for rows that are not as they were: of thousands of entries few change between readings.
    """

    def __init__(
        self,
        split: Callable[[Any], tuple[K, Hashable, tuple[float, ...]]] = _as_it_is,
    ) -> None:
        self._split = split
        self._last: list[Any] | None = None
        self._epoch: Hashable = None

    @property
    def started(self) -> bool:
        """Whether the baseline was read; a server without entries has been read as well."""
        return self._last is not None

    def advance(
        self,
        rows: Iterable[Any],
        *,
        epoch: Hashable,
    ) -> Iterator[tuple[K, tuple[float, ...]]]:
        """What was added since the last reading, for the entries to which anything was.

        Args:
            rows: One for every entry that is there; the first counter leads: where it fell, the entry was
                lost and made again.
            epoch: Changes when the server forgets all entries at once.
        """
        last, reading = self._last, list(rows)
        added: list[tuple[K, tuple[float, ...]]] = []
        if last is not None:
            if _differ(self._epoch, epoch):
                last = []
            # The server tells entries in the same order mostly; whatever moved is simply compared by its key.
            differing = [(old, row) for old, row in zip(last, reading, strict=False) if old != row]
            lost = [*(old for old, _ in differing), *last[len(reading) :]]
            found = [*(row for _, row in differing), *reading[len(last) :]]
            before = {key: (born, counters) for key, born, counters in map(self._split, lost)}
            for key, born, counters in map(self._split, found):
                held = before.get(key)
                if held is None:
                    if any(counters):
                        added.append((key, counters))
                elif held != (born, counters):
                    added.append((key, _difference(held, (born, counters))))
        self._last, self._epoch = reading, epoch
        yield from added

    def __len__(self) -> int:
        return len(self._last or ())


def _differ(before: Hashable, now: Hashable) -> bool:
    """Whether a mark changed. One that was not known before tells nothing: the server learned to tell it."""
    return before is not None and now is not None and before != now


def _difference(
    before: tuple[Hashable, tuple[float, ...]],
    now: tuple[Hashable, tuple[float, ...]],
) -> tuple[float, ...]:
    old, new = before[1], now[1]
    if _differ(before[0], now[0]) or new[0] < old[0]:
        return new
    delta = tuple([b - a for a, b in zip(old, new, strict=True)])
    return new if min(delta) < 0 else delta
