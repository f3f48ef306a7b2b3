"""What is shown of a target: the last good results while they are young, nothing while it is down."""

from __future__ import annotations

from observer.exporter.declaration import MetricDeclaration, one
from observer.exporter.snapshot import KEEP_INTERVALS, Fault, Holding, Outcome, Reading, Snapshot

UP = MetricDeclaration("up", "gauge", "Up.", "postgres")
FAST = MetricDeclaration("fast", "gauge", "Read every time.", "postgres")
SLOW = MetricDeclaration("slow", "gauge", "Read rarely.", "postgres")
FAULT = Fault("deadline", "no answer in time")


class Target:
    """A target that is collected every 15 seconds."""

    def __init__(self) -> None:
        self.holding = Holding()
        self.version = 0

    def after(self, *outcomes: Outcome, up: bool = True, at: float | None = None) -> Snapshot:
        self.version += 1
        began = 15.0 * self.version if at is None else at
        return self.holding.absorb(
            Reading(up=up, outcomes=outcomes, always=[one(UP, int(up))], fault=None if up else FAULT),
            version=self.version,
            began=began,
            taken_at=1000.0 + began,
            seconds=0.1,
            interval=15.0,
        )


def fast(value: float) -> Outcome:
    return Outcome("fast", 0.01, [one(FAST, value)])


def slow(value: float) -> Outcome:
    return Outcome("slow", 0.5, [one(SLOW, value)], clock=300.0)


FAILED = Outcome("fast", 0.01, None, FAULT)
SLOW_FAILED = Outcome("slow", 0.5, None, FAULT, clock=300.0)


def shown(snapshot: Snapshot) -> dict[str, float]:
    return {family.metric.name: family.samples[0][2] for family in snapshot.families}


def test_a_slow_collector_stays_between_its_runs() -> None:
    """What is read every five minutes is on every page."""
    target = Target()
    target.after(fast(1), slow(10))
    assert shown(target.after(fast(2))) == {"up": 1, "fast": 2, "slow": 10}


def test_a_failing_collector_shows_its_last_result_for_a_few_intervals() -> None:
    """One failure leaves no gap; several do, so that `absent()` works."""
    target = Target()
    target.after(fast(1))
    for _ in range(KEEP_INTERVALS):
        snapshot = target.after(FAILED)
        assert shown(snapshot) == {"up": 1, "fast": 1}
        assert snapshot.collectors[0].last_success == 1015.0
        assert not snapshot.collectors[0].ok
    snapshot = target.after(FAILED)
    assert shown(snapshot) == {"up": 1}
    assert snapshot.collectors[0].last_success is None
    assert not snapshot.collectors[0].shown
    assert shown(target.after(fast(2))) == {"up": 1, "fast": 2}


def test_a_slow_collector_is_kept_by_its_own_clock() -> None:
    """Its intervals are its own, not those of the scrapes."""
    target = Target()
    target.after(slow(10), at=0)
    assert "slow" in shown(target.after(SLOW_FAILED, at=890))
    assert "slow" not in shown(target.after(SLOW_FAILED, at=910))


def test_of_a_target_that_is_down_nothing_is_shown_but_that() -> None:
    """Up-metrics never lie, and old numbers do not stand beside them."""
    target = Target()
    target.after(fast(1), slow(10))
    snapshot = target.after(up=False)
    assert shown(snapshot) == {"up": 0}
    assert snapshot.fault == FAULT
    assert {(state.ok, state.shown, state.last_success) for state in snapshot.collectors} == {
        (False, False, None)
    }


def test_a_short_fault_does_not_cost_what_is_read_rarely() -> None:
    """Sizes are back with the target, and not only when their clock strikes again."""
    target = Target()
    target.after(fast(1), slow(10))
    target.after(up=False)
    assert shown(target.after(fast(2))) == {"up": 1, "fast": 2, "slow": 10}


def test_what_a_broken_collection_brought_before_it_broke_is_kept() -> None:
    """A slow collector that had its turn in it would not run again for a while."""
    target = Target()
    target.after(slow(10), up=False)
    assert shown(target.after(fast(2))) == {"up": 1, "fast": 2, "slow": 10}


def test_old_results_do_not_come_back_after_a_long_fault() -> None:
    """A collector that fails at the first collection after an hour shows nothing."""
    target = Target()
    target.after(fast(1), at=0)
    target.after(up=False, at=15)
    assert shown(target.after(FAILED, at=3600)) == {"up": 1}
