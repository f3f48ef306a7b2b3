"""Counters that only grow: what is added is what the server counted, whatever happens to its entries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from observer.exporter.accumulators import DeltaTracker
from tests.simulated_statements import Key, SimulatedStatements

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS = st.tuples(st.just(1), st.integers(1, 2), st.integers(1, 4))
CALLS = st.tuples(st.just("call"), KEYS, st.integers(1, 50), st.integers(0, 500))
LOSSES = st.one_of(
    st.tuples(st.just("lose"), KEYS),
    st.just(("reset",)),
    st.just(("crash",)),
)
ROUNDS = st.lists(st.lists(st.one_of(CALLS, CALLS, LOSSES), max_size=8), max_size=12)


def happen(server: SimulatedStatements, event: tuple[object, ...]) -> None:
    name, *arguments = event
    act: Callable[..., None] = getattr(server, str(name))
    act(*arguments)


def added(
    tracker: DeltaTracker[Key], server: SimulatedStatements, *, births: bool = True
) -> dict[Key, tuple[float, ...]]:
    return dict(tracker.advance(server.read(births=births), epoch=server.epoch))


@given(ROUNDS)
def test_what_is_added_is_what_could_be_read(rounds: list[list[tuple[object, ...]]]) -> None:
    """With births, sums by entry equal the server's since the first reading, less what died unread."""
    server, tracker = SimulatedStatements(), DeltaTracker[Key]()
    calls: dict[Key, float] = {}
    milliseconds: dict[Key, float] = {}
    for events in rounds:
        for event in events:
            happen(server, event)
        for key, (more_calls, more_milliseconds) in added(tracker, server).items():
            assert more_calls > 0
            assert more_milliseconds >= 0
            calls[key] = calls.get(key, 0) + more_calls
            milliseconds[key] = milliseconds.get(key, 0) + more_milliseconds
        assert calls == {key: count for key, count in server.calls.items() if count}
        assert all(milliseconds.get(key, 0) == count for key, count in server.milliseconds.items())


@given(ROUNDS)
def test_without_births_nothing_is_claimed_that_was_not_counted(
    rounds: list[list[tuple[object, ...]]],
) -> None:
    """A server that tells no births may hide a loss behind new calls; the sum is never above its own."""
    server, tracker = SimulatedStatements(), DeltaTracker[Key]()
    calls: dict[Key, float] = {}
    for events in rounds:
        for event in events:
            happen(server, event)
        for key, (more_calls, more_milliseconds) in added(tracker, server, births=False).items():
            assert more_calls >= 0
            assert more_milliseconds >= 0
            calls[key] = calls.get(key, 0) + more_calls
        assert all(count <= server.calls.get(key, 0) for key, count in calls.items())


def test_an_entry_that_came_back_smaller_needs_no_birth() -> None:
    """A fallen leading counter alone tells that an entry was lost and made again."""
    tracker = DeltaTracker[str]()
    list(tracker.advance([("a", None, (9, 90))], epoch=0))
    assert list(tracker.advance([("a", None, (2, 95))], epoch=0)) == [("a", (2, 95))]
    assert list(tracker.advance([("a", None, (3, 10))], epoch=0)) == [("a", (3, 10))]


def test_the_first_reading_claims_nothing() -> None:
    """What happened before the process started is not counted."""
    tracker = DeltaTracker[str]()
    assert not tracker.started
    assert list(tracker.advance([("a", 1, (9, 90))], epoch="then")) == []
    assert tracker.started
    assert len(tracker) == 1


def test_an_empty_reading_is_a_reading() -> None:
    """A server without entries has been read; what comes after is new."""
    tracker = DeltaTracker[str]()
    list(tracker.advance([], epoch=0))
    assert tracker.started
    assert list(tracker.advance([("a", 1, (1, 5))], epoch=0)) == [("a", (1, 5))]


def test_an_unchanged_entry_adds_nothing() -> None:
    """Entries to which nothing was added are not told."""
    tracker = DeltaTracker[str]()
    list(tracker.advance([("a", 1, (1, 5))], epoch=0))
    assert list(tracker.advance([("a", 1, (1, 5))], epoch=0)) == []


def test_a_reset_counts_everything_that_is_there_as_new() -> None:
    """After a whole reset even a counter that outgrew its former value is new from 0."""
    tracker = DeltaTracker[str]()
    list(tracker.advance([("a", None, (1, 5))], epoch="first"))
    assert list(tracker.advance([("a", None, (7, 50))], epoch="second")) == [("a", (7, 50))]
