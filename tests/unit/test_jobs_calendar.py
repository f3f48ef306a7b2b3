"""When jobs are due, and what a start makes up for; the clock is held."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from observer.jobs.calendar import EARLY, MOST_NOTED, due, following, plan_start
from observer.store.ticks import Tick

MOMENTS = st.floats(min_value=1e9, max_value=4e9)
INTERVALS = st.integers(min_value=1, max_value=604_800)


def tick(at: int, *, outcome: str | None = "ok: done", claimed_at: float | None = None) -> Tick:
    return Tick(
        job="job",
        tick=at,
        claimed_at=at if claimed_at is None else claimed_at,
        finished_at=None if outcome is None else at + 1.0,
        outcome=outcome,
    )


@given(MOMENTS, INTERVALS)
def test_ticks_are_multiples_of_the_interval(now: float, interval: int) -> None:
    """Every instance means the same tick at the same moment, and the next one lies ahead."""
    assert due(now, interval) % interval == 0
    assert due(now, interval) <= now + EARLY < following(now, interval) == due(now, interval) + interval


def test_a_clock_that_is_a_little_early_means_the_tick_at_hand() -> None:
    """A wall clock set back by milliseconds between waking and looking must not repeat the former tick."""
    assert due(1_199.98, 600) == 1_200
    assert due(1_199.0, 600) == 600


def test_the_first_start_ever_waits_for_the_delay() -> None:
    """Before there is anything to advise on, nothing is run."""
    plan = plan_start(None, 10_000.0, 600, patience=60, delay=15)
    assert (plan.tick, plan.at, plan.skipped) == (9_600, 10_015.0, ())
    # A tick that is due meanwhile is this one, so that no start after it makes up for it again.
    plan = plan_start(None, 10_190.0, 600, patience=60, delay=15)
    assert (plan.tick, plan.at, plan.skipped) == (10_200, 10_205.0, ())


def test_the_newest_missed_tick_is_run_and_older_ones_are_noted() -> None:
    """After hours of rest one run makes up for all, and none is forgotten."""
    plan = plan_start(tick(1_200), 3_700.0, 600, patience=60, delay=15)
    assert (plan.tick, plan.at) == (3_600, 3_700.0)
    assert plan.skipped == (1_800, 2_400, 3_000)


def test_nothing_is_run_twice_when_nothing_was_missed() -> None:
    """A restart between two ticks runs nothing."""
    assert plan_start(tick(3_600), 3_700.0, 600, patience=60, delay=15).tick is None


def test_what_was_interrupted_is_repeated_as_a_tick_of_its_own() -> None:
    """A tick can be claimed once only; its repetition must be another."""
    plan = plan_start(
        tick(3_600, outcome="interrupted: Observer was ended"), 3_700.0, 600, patience=60, delay=0
    )
    assert plan.tick == 3_700
    after = plan_start(tick(3_700), 4_300.0, 600, patience=60, delay=0)
    assert (after.tick, after.skipped) == (4_200, ())


def test_a_run_without_an_outcome_is_repeated_once_it_must_be_dead() -> None:
    """It may be under way in another instance; killed with its process it never tells."""
    fresh = plan_start(tick(3_600, outcome=None), 3_630.0, 600, patience=60, delay=0)
    assert (fresh.tick, fresh.look_again_at) == (None, 3_660.0)
    stale = plan_start(tick(3_600, outcome=None), 3_661.0, 600, patience=60, delay=0)
    assert (stale.tick, stale.look_again_at) == (3_661, None)


@given(MOMENTS, INTERVALS, st.integers(min_value=0, max_value=1_000_000), st.booleans())
def test_a_start_runs_one_tick_at_most_and_never_an_old_one(
    now: float, interval: int, missed: int, aligned: bool
) -> None:
    """However long Observer rested: at most one run, newer than all that ran and all that is skipped."""
    last = due(now, interval) - missed * interval + (0 if aligned else interval // 2)
    plan = plan_start(tick(last), now, interval, patience=60, delay=0)
    assert len(plan.skipped) <= MOST_NOTED
    assert list(plan.skipped) == sorted(set(plan.skipped))
    if plan.tick is not None:
        assert all(last < skipped < plan.tick for skipped in plan.skipped)
        assert plan.tick == due(now, interval) > last
    else:
        assert not plan.skipped
