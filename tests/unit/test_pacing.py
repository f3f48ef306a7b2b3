"""Collections end just before the scrapes that a scraper's rhythm lets expect, and never too often."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observer.exporter.pacing import TOLERANCE, Pacer, Rhythm

INTERVALS = (5.0, 10.0, 15.0, 30.0, 60.0)


def regular(
    interval: float, count: int, *, phase: float = 0.0, jitter: float = 0.0, seed: int = 0
) -> list[float]:
    chance = random.Random(seed)
    return [100 + phase + n * interval + chance.uniform(-jitter, jitter) for n in range(count)]


@dataclass(slots=True)
class Loop:
    """The worker's loop over a held clock: who scrapes when, and what is collected when.

    A scrape that finds numbers too old asks for a collection and waits for it, as the exporter does.
    """

    pacer: Pacer
    duration: float
    starts: list[float] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)
    """Of the numbers at every scrape, where those on the page were fresh enough to be served."""
    waited: int = 0

    def run(self, scrapes: list[tuple[float, str]], until: float) -> None:
        now, scrapes = 0.0, sorted(scrapes)
        wanted = False
        done_at = 0.0
        while now < until:
            last = self.starts[-1] if self.starts else None
            due = self.pacer.next_start(now, last_start=last, duration=self.duration)
            if wanted and last is not None:
                due = min(due, last + self.pacer.min_interval)
            due = max(due, done_at, now)
            if scrapes and scrapes[0][0] <= due:
                now, scraper = scrapes.pop(0)
                self.pacer.arrived(scraper, now)
                began = next((start for start in reversed(self.starts) if start + self.duration <= now), None)
                if began is not None and now - began <= self.pacer.serves(self.duration):
                    self.ages.append(now - began)
                else:
                    self.waited += 1
                    # A collection that is running serves who asks meanwhile.
                    wanted = wanted or now >= done_at
                continue
            now = due
            wanted = False
            self.starts.append(now)
            done_at = now + self.duration
            now += 1e-6

    def closest(self) -> float:
        return min(b - a for a, b in zip(self.starts, self.starts[1:], strict=False))


@given(
    st.sampled_from(INTERVALS),
    st.integers(3, 40),
    st.floats(0, 10),
    st.floats(0, 0.05),
    st.integers(0, 1000),
)
def test_regular_scrapes_are_predicted(
    interval: float, count: int, phase: float, jitter: float, seed: int
) -> None:
    """After three arrivals the next is expected within the tolerance."""
    *known, following = regular(interval, count + 1, phase=phase, jitter=jitter, seed=seed)
    rhythm = Rhythm()
    for at in known:
        rhythm.arrived(at)
    expected = rhythm.next_after(known[-1] + 0.01)
    assert abs(expected[0] - following) <= max(0.25, TOLERANCE * interval)
    assert rhythm.interval() == pytest.approx(interval, abs=2 * jitter + 1e-6)


@pytest.mark.parametrize("interval", INTERVALS)
def test_a_missed_scrape_does_not_lose_the_phase(interval: float) -> None:
    """A scrape that fell out is expected again one interval later."""
    rhythm = Rhythm()
    for at in regular(interval, 6):
        rhythm.arrived(at)
    late = 100 + 5 * interval + 1.5 * interval
    assert rhythm.next_after(late)[0] == pytest.approx(100 + 7 * interval)


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("part", [0.2, 0.35, 0.5, 0.8])
def test_two_phases_under_one_key(interval: float, part: float) -> None:
    """A pair that looks like one scraper has both its phases predicted."""
    rhythm = Rhythm()
    both = sorted([*regular(interval, 8), *regular(interval, 8, phase=part * interval)])
    for at in both[:-2]:
        rhythm.arrived(at)
    expected = rhythm.next_after(both[-3] + 0.01)
    for following in both[-2:]:
        assert min(abs(at - following) for at in expected) < 0.01


def test_irregular_arrivals_have_no_rhythm() -> None:
    """A person who reloads is not expected."""
    rhythm = Rhythm()
    for at in (100.0, 101.7, 109.0, 127.5, 131.0, 190.0):
        rhythm.arrived(at)
    assert rhythm.interval() is None
    assert rhythm.next_after(191.0) == []


def test_who_goes_away_is_forgotten() -> None:
    """Some intervals after the last scrape the idle interval rules again."""
    pacer = Pacer(idle_interval=60.0)
    for at in regular(15, 10):
        pacer.arrived("gone", at)
    last = 100 + 9 * 15
    assert pacer.regulars(last + 1) == ["gone"]
    assert pacer.interval(last + 1) == pytest.approx(15)
    later = last + 4 * 15 + 1
    assert pacer.regulars(later) == []
    assert pacer.interval(later) == 60.0
    assert pacer.next_start(later, last_start=later - 10, duration=0.1) == later + 50
    pacer.arrived("another", later + 200)
    assert list(pacer._rhythms) == ["another"]


def test_the_first_collection_is_at_once() -> None:
    """Before the first there is nothing to wait for."""
    assert Pacer().next_start(5.0, last_start=None, duration=1.0) == 5.0


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("duration", [0.01, 0.1, 0.3])
def test_scrapes_find_numbers_under_a_second_old(interval: float, duration: float) -> None:
    """Once the rhythm is learned, a scrape neither waits nor gets old numbers, at one collection each."""
    loop = Loop(Pacer(), duration)
    times = regular(interval, 40, jitter=0.01)
    loop.run([(at, "prometheus") for at in times], until=times[-1])
    learned = loop.ages[-30:]
    assert len(loop.ages) >= 35
    assert max(learned) < 1.0
    assert len([start for start in loop.starts if start > times[5]]) <= 35


@pytest.mark.parametrize("apart", [0.2, 0.5, 0.8])
def test_scrapers_close_to_each_other_share_a_collection(apart: float) -> None:
    """Two servers whose phases are closer than the greatest age cost what one costs."""
    loop = Loop(Pacer(max_age=1.2), 0.05)
    one, other = regular(15, 40), regular(15, 40, phase=apart)
    loop.run([*((at, "a") for at in one), *((at, "b") for at in other)], until=one[-1])
    assert len([start for start in loop.starts if start > one[5]]) <= 36
    assert max(loop.ages[-60:]) <= 1.2


def test_scrapers_far_from_each_other_have_their_own() -> None:
    """Both get numbers under a second old."""
    loop = Loop(Pacer(), 0.05)
    one, other = regular(15, 40), regular(15, 40, phase=6)
    loop.run([*((at, "a") for at in one), *((at, "b") for at in other)], until=one[-1])
    assert max(loop.ages[-60:]) < 1.0
    assert len(loop.ages) > 70


@given(
    st.lists(st.tuples(st.floats(0, 120), st.sampled_from("abc")), max_size=80),
    st.sampled_from((0.5, 1.0, 2.0)),
    st.sampled_from((0.01, 0.4, 3.0)),
)
def test_never_more_than_one_start_in_the_least_interval(
    scrapes: list[tuple[float, str]], min_interval: float, duration: float
) -> None:
    """However often and wildly somebody asks."""
    loop = Loop(Pacer(min_interval=min_interval), duration)
    loop.run(scrapes, until=150)
    assert len(loop.starts) >= 2
    assert loop.closest() >= min_interval - 1e-5


@pytest.mark.parametrize("interval", [15.0, 30.0])
def test_a_slow_target_is_collected_once_for_a_scrape(interval: float) -> None:
    """A collection of three seconds begins that much earlier, and is not begun anew when the scrape comes."""
    loop = Loop(Pacer(), 3.0)
    times = regular(interval, 30)
    loop.run([(at, "prometheus") for at in times], until=times[-1])
    assert len([start for start in loop.starts if start > times[5]]) <= 25
    assert max(loop.ages[-20:]) < 3.5


def test_nobody_scrapes() -> None:
    """Then the idle interval is the rhythm."""
    loop = Loop(Pacer(idle_interval=30), 0.1)
    loop.run([], until=300)
    assert len(loop.starts) == 11


def test_patience_with_a_target_that_is_down() -> None:
    """The second attempt is as soon as any; then ever more rarely, up to four intervals and a minute."""
    pacer = Pacer()
    for at in (0.0, 15.0, 30.0, 45.0):
        pacer.arrived("prometheus", at)
    assert [pacer.patience(46.0, n, 0.0) for n in range(6)] == [0, 0, 30, 60, 60, 60]
    assert [pacer.patience(46.0, n, 1.0) for n in (1, 2, 3, 60)] == [0, 22.5, 45, 45]


def test_patience_follows_the_rhythm() -> None:
    """Who scrapes often learns soon that a target is back; without any rhythm a minute is the most."""
    pacer = Pacer()
    assert max(pacer.patience(0.0, n, 0.0) for n in range(100)) == 60
    for at in (0.0, 1.0, 2.0, 3.0):
        pacer.arrived("prometheus", at)
    assert max(pacer.patience(3.5, n, 0.0) for n in range(100)) == 4
