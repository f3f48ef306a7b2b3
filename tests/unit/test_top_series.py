"""The busiest and the rest: sums are the server's own, and every scraper can tell every increase."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from observer.deadlines import Deadline
from observer.exporter.accumulators import DeltaTracker
from observer.exporter.audience import Audience
from observer.exporter.postgres.statements import Row, StatementCollector
from observer.exporter.snapshot import CollectionOrder
from observer.exporter.top_series import TopSeries
from tests.simulated_statements import Key, SimulatedStatements

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Group = tuple[int, int]
Event = tuple[object, ...]
Page = dict[Key | Group, float]

SCRAPERS = ("a", "b")
KEYS = st.tuples(st.just(1), st.integers(1, 2), st.integers(1, 3))
CALLS = st.tuples(st.just("call"), KEYS, st.integers(1, 50), st.integers(0, 10_000))
LOSSES = st.one_of(st.tuples(st.just("lose"), KEYS), st.just(("reset",)), st.just(("crash",)))
EVENTS = st.lists(st.one_of(CALLS, CALLS, CALLS, LOSSES), max_size=8)


@dataclass(frozen=True, slots=True)
class Round:
    """What happens before a collection, and who sees its page."""

    events: Sequence[Event]
    seconds: int
    viewers: frozenset[str]


ROUNDS = st.lists(
    st.builds(Round, EVENTS, st.sampled_from((1, 15, 60, 600)), st.frozensets(st.sampled_from(SCRAPERS))),
    min_size=4,
    max_size=16,
)


@dataclass(slots=True)
class Watcher:
    """The pure part of a collector of statements, and the pages that its scrapers saw."""

    limit: int
    frozen_limit: int
    server: SimulatedStatements = field(default_factory=SimulatedStatements)
    audience: Audience = field(default_factory=Audience)
    tracker: DeltaTracker[Key] = field(default_factory=DeltaTracker)
    version: int = 0
    now: float = 0.0
    top: TopSeries[Key, Group] = field(init=False)

    def __post_init__(self) -> None:
        self.top = TopSeries(
            limit=self.limit,
            width=2,
            weight=1,
            group=lambda key: key[:2],
            frozen_limit=self.frozen_limit,
        )

    def play(self, one: Round) -> Page:
        for name, *arguments in one.events:
            act: Callable[..., None] = getattr(self.server, str(name))
            act(*arguments)
        self.now += one.seconds
        self.version += 1
        rows = self.server.read()
        if not self.tracker.started:
            self.top.introduce(dict.fromkeys(key[:2] for key, _, _ in rows), version=self.version)
            self.top.seed([(key, counters[1]) for key, _, counters in rows], version=self.version)
        self.top.advance(
            self.tracker.advance(rows, epoch=self.server.epoch),
            version=self.version,
            seen=self.audience.seen("main", list(SCRAPERS)),
            now=self.now,
        )
        for viewer in one.viewers:
            self.audience.served(viewer, {"main": self.version})
        return self.page()

    def page(self) -> Page:
        """Milliseconds by series, as they stand on the page."""
        return {
            **{key: totals[1] for key, totals in self.top.series()},
            **{group: totals[1] for group, totals in self.top.rest()},
        }

    def counted(self) -> float:
        """Milliseconds in all series, on the page and off it."""
        return sum(self.page().values()) + sum(totals[1] for totals in self.top._gone.values())

    def members(self) -> set[Key]:
        return {key for key, series in self.top._series.items() if series.member}


LIMITS = st.integers(1, 4)
FROZEN_LIMITS = st.sampled_from((1, 2, 100))


@given(ROUNDS, LIMITS, FROZEN_LIMITS)
def test_the_sum_of_all_series_is_what_the_server_counted(
    rounds: list[Round], limit: int, frozen_limit: int
) -> None:
    """After every collection: members, frozen, rest and what is held make up all that could be read."""
    watcher = Watcher(limit, frozen_limit)
    for one in rounds:
        watcher.play(one)
        assert watcher.counted() + watcher.top.held() == sum(watcher.server.milliseconds.values())


@given(ROUNDS, LIMITS, FROZEN_LIMITS)
def test_the_sum_of_a_group_is_what_the_server_counted_in_it(
    rounds: list[Round], limit: int, frozen_limit: int
) -> None:
    """Nothing moves from one database or user to another."""
    watcher = Watcher(limit, frozen_limit)
    for one in rounds:
        watcher.play(one)
    for group in {key[:2] for key in watcher.server.milliseconds}:
        series = [totals[1] for key, totals in watcher.top.series() if key[:2] == group]
        gone = [totals[1] for key, totals in watcher.top._gone.items() if key[:2] == group]
        rest = [held.totals[1] + held.held[1] for key, held in watcher.top._rest.items() if key == group]
        counted = [count for key, count in watcher.server.milliseconds.items() if key[:2] == group]
        assert sum(series) + sum(gone) + sum(rest) == sum(counted)


@given(ROUNDS, LIMITS, FROZEN_LIMITS)
def test_no_series_ever_falls(rounds: list[Round], limit: int, frozen_limit: int) -> None:
    """Neither from page to page nor when a series returns that had left the page."""
    watcher = Watcher(limit, frozen_limit)
    highest: Page = {}
    for one in rounds:
        for name, value in watcher.play(one).items():
            assert value >= highest.get(name, 0)
            highest[name] = value


@given(ROUNDS, LIMITS, FROZEN_LIMITS)
def test_what_a_scraper_sees_first_of_a_series_hides_nothing_from_it(
    rounds: list[Round], limit: int, frozen_limit: int
) -> None:
    """A series grows only once every scraper has seen it stand: `increase()` needs its first value.

    A series that was not on a scraper's first page comes into its view at the value that it had when that
    page was made, which is 0 unless it had left the page before.
    """
    watcher = Watcher(limit, frozen_limit)
    at_first_page: dict[str, Page] = {}
    in_view: dict[str, set[Key | Group]] = {}
    for one in rounds:
        page = watcher.play(one)
        off_page: Page = {key: totals[1] for key, totals in watcher.top._gone.items()}
        for viewer in one.viewers:
            first = at_first_page.setdefault(viewer, page | off_page)
            known = in_view.setdefault(viewer, set())
            for name in page.keys() - known:
                assert page[name] == first.get(name, 0)
            known.update(page)


@given(ROUNDS, LIMITS)
def test_every_scraper_can_add_up_what_was_counted(rounds: list[Round], limit: int) -> None:
    """From its first page on, the increases that a scraper sees sum up to what was counted meanwhile."""
    watcher = Watcher(limit, 100)
    began: dict[str, tuple[float, Page]] = {}
    for one in rounds:
        page = watcher.play(one)
        for viewer in one.viewers:
            sum_then, first = began.setdefault(viewer, (watcher.counted(), {}))
            seen_increase = 0.0
            for name, value in page.items():
                seen_increase += value - first.setdefault(name, value)
            assert seen_increase == watcher.counted() - sum_then


@given(ROUNDS, LIMITS, FROZEN_LIMITS)
def test_only_members_grow_and_their_number_is_bounded(
    rounds: list[Round], limit: int, frozen_limit: int
) -> None:
    """A series outside the choice is frozen; members and frozen series never exceed their limits."""
    watcher = Watcher(limit, frozen_limit)
    before: Page = {}
    members: set[Key] = set()
    for one in rounds:
        page = watcher.play(one)
        for key, _ in watcher.top.series():
            if key in before and key not in members:
                assert page[key] == before[key]
        before, members = page, watcher.members()
        assert len(members) <= limit
        assert len(watcher.top._series) <= limit + frozen_limit


@given(ROUNDS, LIMITS, FROZEN_LIMITS)
def test_equal_input_gives_equal_output(rounds: list[Round], limit: int, frozen_limit: int) -> None:
    """Two processes that see the same show the same, in the same order."""
    one, other = Watcher(limit, frozen_limit), Watcher(limit, frozen_limit)
    for step in rounds:
        assert list(one.play(step).items()) == list(other.play(step).items())


def watching(*viewers: str) -> Callable[[Watcher, Sequence[Event]], Page]:
    return lambda watcher, events: watcher.play(Round(events, 15, frozenset(viewers)))


def test_a_promoted_series_stands_at_0_until_everybody_saw_it() -> None:
    """Until the slowest scraper has seen the 0, the entry's deltas belong to the rest."""
    watcher, rest = Watcher(1, 10), (1, 1)
    seen_by_all, seen_by_one = watching("a", "b"), watching("a")
    seen_by_all(watcher, [("call", (1, 1, 9), 1, 1)])
    watcher.server.lose((1, 1, 9))
    busy: Event = ("call", (1, 1, 5), 1, 100)
    assert seen_by_one(watcher, [busy])[1, 1, 5] == 0
    page = seen_by_one(watcher, [busy])
    assert (page[1, 1, 5], page[rest]) == (0, 200)
    page = seen_by_all(watcher, [busy])
    assert (page[1, 1, 5], page[rest]) == (0, 300)
    page = seen_by_all(watcher, [busy])
    assert (page[1, 1, 5], page[rest]) == (100, 300)


def test_a_demoted_series_freezes_and_goes_on_when_it_returns() -> None:
    """Its total stays on the page, and continues from there."""
    watcher, play = Watcher(1, 10), watching("a", "b")
    first, second = (1, 1, 1), (1, 1, 2)
    play(watcher, [("call", first, 1, 10)])
    play(watcher, [("call", first, 1, 10)])
    assert play(watcher, [("call", first, 1, 10)])[first] == 20
    play(watcher, [("call", second, 1, 1000)])
    assert watcher.members() == {second}
    assert play(watcher, [("call", first, 1, 7), ("call", second, 1, 5)])[first] == 20
    play(watcher, [("call", first, 1, 10_000)])
    assert watcher.members() == {first}
    assert play(watcher, [("call", first, 1, 3)])[first] == 23


def test_the_choice_is_sticky() -> None:
    """An entry that is only a little busier does not take a member's place."""
    watcher, play = Watcher(1, 10), watching("a", "b")
    play(watcher, [("call", (1, 1, 1), 1, 10)])
    play(watcher, [("call", (1, 1, 1), 1, 1000), ("call", (1, 1, 2), 1, 1400)])
    assert watcher.members() == {(1, 1, 1)}
    play(watcher, [("call", (1, 1, 2), 1, 1400)])
    assert watcher.members() == {(1, 1, 2)}


def test_a_new_group_is_held_back_until_its_0_was_seen() -> None:
    """The rest of a database that appears late starts at 0 as well, and loses nothing by it."""
    watcher, unseen, seen = Watcher(1, 10), watching(), watching("a", "b")
    seen(watcher, [("call", (1, 1, 1), 1, 500)])
    page = unseen(watcher, [("call", (1, 2, 1), 1, 3)])
    assert (page[1, 2], watcher.top.held()) == (0, 3)
    page = seen(watcher, [("call", (1, 2, 1), 1, 3)])
    assert (page[1, 2], watcher.top.held()) == (0, 6)
    page = seen(watcher, [])
    assert (page[1, 2], watcher.top.held()) == (6, 0)


def test_resets_to_nothing_do_not_add_members() -> None:
    """A reading without entries is no new beginning: the limit holds over any number of resets."""
    collector = StatementCollector(top=2)
    for version in range(1, 30):
        rows: list[Row] = []
        if version % 2:
            rows = [(1, 1, version * 10 + n, True, version, 1.0, 5.0, 0.0, 0.0, 0.0) for n in range(4)]
        order = CollectionOrder(
            version=version, seen=version - 1, now=15.0 * version, deadline=Deadline(9, "x")
        )
        collector._count(rows, epoch=version, order=order)
        assert sum(series.member for series in collector._series._series.values()) <= 2
