"""What statements counted: differences, sums and the compact form."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observer.advisor.counts import (
    Counts,
    Mark,
    added_up,
    difference,
    leading,
    packed,
    packed_entries,
    unpacked,
    unpacked_entries,
)

SIGNED = st.integers(min_value=-(2**63), max_value=2**63 - 1)
COUNTS = st.builds(
    Counts,
    st.integers(min_value=0, max_value=2**60),
    st.floats(min_value=0, max_value=1e15),
    st.integers(min_value=0, max_value=2**60),
)
ENTRIES = st.dictionaries(
    st.tuples(st.integers(min_value=0, max_value=2**32 - 1), SIGNED, st.booleans()), COUNTS, max_size=20
)


def mark(at: float, *entries: tuple[int, int, int, float], epoch: str = "one") -> Mark:
    return Mark(
        at=at,
        epoch=epoch,
        entries={(user, queryid, True): Counts(calls, ms, calls) for user, queryid, calls, ms in entries},
    )


@given(ENTRIES)
def test_the_compact_form_loses_nothing(entries: dict[tuple[int, int, bool], Counts]) -> None:
    """What is kept is read back as it was."""
    assert unpacked_entries(packed_entries(entries)) == entries
    by_queryid = {key[1]: counts for key, counts in entries.items()}
    assert unpacked(packed(by_queryid)) == by_queryid


def test_users_are_added_up_and_what_did_not_run_is_left_out() -> None:
    """One statement of two users is one; an idle one is none."""
    before = mark(0, (1, 7, 10, 100.0), (2, 7, 5, 50.0), (1, 8, 3, 3.0))
    after = mark(1, (1, 7, 12, 130.0), (2, 7, 6, 55.0), (1, 8, 3, 3.0))
    assert difference(before, after) == {7: Counts(3, 35.0, 3)}


def test_what_was_evicted_and_came_back_is_all_new() -> None:
    """One user's entry that went back must not hide what the other user's gained."""
    before = mark(0, (1, 7, 10, 100.0), (2, 7, 5, 50.0))
    after = mark(1, (1, 7, 2, 20.0), (2, 7, 6, 60.0))
    assert difference(before, after) == {7: Counts(3, 30.0, 3)}


def test_after_a_reset_everything_is_new() -> None:
    """A reset between two marks leaves counters that grew past the old ones."""
    before = mark(0, (1, 7, 10, 100.0))
    after = mark(1, (1, 7, 15, 150.0), epoch="two")
    assert difference(before, after) == {7: Counts(15, 150.0, 15)}


@given(st.lists(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(0, 9)), max_size=6)))
def test_sums_of_differences_are_what_was_executed(steps: list[list[tuple[int, int, int]]]) -> None:
    """While counters only grow, the windows together hold every call, whatever was sampled when."""
    totals: dict[tuple[int, int], int] = {}
    marks = [mark(0)]
    for number, step in enumerate(steps, 1):
        for user, queryid, calls in step:
            totals[user, queryid] = totals.get((user, queryid), 0) + calls
        marks.append(mark(number, *((u, q, n, float(n)) for (u, q), n in totals.items())))
    found = added_up(difference(a, b) for a, b in itertools.pairwise(marks))
    assert sum(counts.calls for counts in found.values()) == sum(totals.values())


def test_the_costliest_come_first() -> None:
    """Texts are fetched for these alone."""
    assert leading({1: Counts(9, 1.0, 0), 2: Counts(1, 5.0, 0), 3: Counts(1, 3.0, 0)}, 2) == [2, 3]


def test_a_mean_is_of_one_call() -> None:
    """And of none where there was none."""
    assert Counts(4, 10.0, 0).mean_ms == pytest.approx(2.5)
    assert Counts(0, 0.0, 0).mean_ms == 0.0


def test_the_leading_statements_are_those_of_the_measure() -> None:
    """By time one that is slow, by calls one that is frequent."""
    counts = {1: Counts(1_000, 5.0, 0), 2: Counts(2, 900.0, 0), 3: Counts(50, 50.0, 0)}
    assert leading(counts, 2) == [2, 3]
    assert leading(counts, 2, "calls") == [1, 3]
