"""Numbers of statements in a real store: kept, condensed, pruned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from observer.advisor.counts import Counts, Mark
from observer.advisor.history import RULES, StatementHistory
from observer.store.retention import Retention
from observer.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY = 86_400.0
START = 1_700_000_000.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "observer.db")
    yield store
    store.close()


def mark(at: float, **calls: int) -> Mark:
    entries = {(10, int(name[1:]), True): Counts(n, n * 2.0, n) for name, n in calls.items()}
    return Mark(at=at, epoch="e", entries=entries)


def test_differences_are_kept_and_added_up(store: Store) -> None:
    """The first mark is nothing yet; a window is what lies in it."""
    history = StatementHistory(store=store)
    assert history.add("t", "d", mark(START, q1=5)) is None
    for number in range(1, 4):
        history.add("t", "d", mark(START + number * 10, q1=5 + number, q2=number * 2))
    whole = history.since("t", "d", START)
    assert whole is not None
    assert (whole.began, whole.ended) == (START, START + 30)
    assert whole.counts == {1: Counts(3, 6.0, 3), 2: Counts(6, 12.0, 6)}
    last = history.since("t", "d", START + 15, wholly=True)
    assert last is not None
    assert last.counts == {1: Counts(1, 2.0, 1), 2: Counts(2, 4.0, 2)}
    assert history.since("t", "other", START) is None


def test_a_mark_that_comes_late_changes_nothing(store: Store) -> None:
    """Two who sample at once do not count twice."""
    history = StatementHistory(store=store)
    history.add("t", "d", mark(START, q1=1))
    history.add("t", "d", mark(START + 10, q1=4))
    assert history.add("t", "d", mark(START + 5, q1=2)) is None
    whole = history.since("t", "d", START)
    assert whole is not None
    assert whole.counts == {1: Counts(3, 6.0, 3)}


def test_condensing_keeps_every_call(store: Store) -> None:
    """Samples become hours and hours days, in a fraction of the rows, and the sums are the same."""
    history = StatementHistory(store=store)
    samples = 20 * 12
    for number in range(samples + 1):
        history.add("t", "d", mark(START + number * 7_200, q1=number, q2=3 * number))
    before = history.since("t", "d", 0)
    retention = Retention(store=store, rules=RULES, bound=10**9)
    retention.run(START + samples * 7_200)
    after = history.since("t", "d", 0)
    assert before is not None
    assert before == after
    with store.read() as connection:
        rows = connection.exec_driver_sql("SELECT grain, count(*) FROM statement_window GROUP BY 1").all()
    by_grain = {row[0]: row[1] for row in rows}
    assert by_grain[0] <= 2 * 12 + 1
    assert by_grain[3_600] <= 12 * 12 + 1
    assert 5 <= by_grain[86_400] <= 8


def test_a_store_over_its_bound_loses_the_oldest_first(store: Store) -> None:
    """What is needed for the next advice stays."""
    history = StatementHistory(store=store)
    for number in range(300):
        entries = {
            (10, n, True): Counts(number * n % 9973 + number, n * 1.7 * number, n) for n in range(1, 60)
        }
        history.add("t", "d", Mark(at=START + number * 600, epoch=str(number), entries=entries))
    pruned = Retention(store=store, rules=RULES, bound=1).run(START + 300 * 600)
    assert pruned.after < pruned.before
    recent = history.since("t", "d", START + 299 * 600 - 2 * 3_600)
    assert recent is not None
    assert recent.ended == START + 299 * 600
