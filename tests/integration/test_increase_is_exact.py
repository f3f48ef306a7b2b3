"""`increase()` of Prometheus over the counters of statements is exactly what the server counted."""

from __future__ import annotations

import itertools
import random
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import yaml

from observer.deadlines import Deadline
from observer.exporter.audience import Audience
from observer.exporter.postgres.statements import OTHER, StatementCollector
from observer.exporter.snapshot import CollectionOrder
from tests.simulated_statements import Key, SimulatedStatements

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.prometheus  # it runs promtool

METRIC = "pg_stat_statements_calls_total"
INTERVAL = 15
ROUNDS = 60
TOP = 3
SCRAPERS = ("alpha", "beta")

Page = dict[str, int]
"""Calls by labels, as they stand in a series' braces."""


@dataclass(frozen=True, slots=True)
class Window:
    """From one sample to another, both of which its range holds: Prometheus 2 closes ranges at both ends."""

    begin: int
    end: int

    def increase(self, samples: list[Page | None], body: str) -> int:
        """The plain truth of the samples: what was added from one to the next, resets included."""
        values = [
            page[body] for page in samples[self.begin : self.end + 1] if page is not None and body in page
        ]
        return sum(b - a if b >= a else b for a, b in itertools.pairwise(values))


@dataclass(slots=True)
class Play:
    """A server, the Observer beside it that is restarted now and then, and the pages that scrapers got."""

    seed: int
    server: SimulatedStatements = field(default_factory=SimulatedStatements)
    pages: dict[str, list[Page | None]] = field(default_factory=lambda: {name: [] for name in SCRAPERS})
    naive: list[Page] = field(default_factory=list)
    counted: list[Counter[Key]] = field(default_factory=list)
    """Calls that could be read by statement, up to each round."""
    waiting: list[int] = field(default_factory=list)
    """Calls that wait for a new group's 0 to be seen, at each round."""
    events: Counter[str] = field(default_factory=Counter)
    baselines: set[int] = field(default_factory=set)
    """Rounds in which a new process read for the first time."""

    def run(self) -> None:
        chance = random.Random(self.seed)
        members: set[Key] = set()
        for turn in range(ROUNDS):
            if turn == 0 or chance.random() < 0.05:
                collector, audience, version = self._start(), Audience(), 0
                self.baselines.add(turn)
                self.events["restart"] += turn > 0
            before = self._readable()
            self._happen(chance)
            version += 1
            self._collect(collector, audience, version, turn)
            if turn in self.baselines:
                # What happened around the restart is in no process's account.
                self._forget_since(before)
            self.counted.append(self._readable())
            self.waiting.append(sum(int(rest.held[0]) for rest in collector._series._rest.values()))
            chosen = {key for key, series in collector._series._series.items() if series.member}
            self.events["promotion"] += len(chosen - members) if turn else 0
            self.events["demotion"] += len(members - chosen)
            members = chosen
            page = {body: int(value) for _, body, value in next(iter(collector._families())).samples}
            for name in SCRAPERS:
                got = chance.random() > 0.1
                self.pages[name].append(page if got else None)
                if got:
                    audience.served(name, {"main": version})

    def _start(self) -> StatementCollector:
        collector = StatementCollector(top=TOP)
        collector._databases.update({1: "app"})
        collector._users.update({1: "web", 2: "jobs"})
        return collector

    def _collect(self, collector: StatementCollector, audience: Audience, version: int, turn: int) -> None:
        rows = self.server.read()
        order = CollectionOrder(
            version=version,
            seen=audience.seen("main", list(SCRAPERS)),
            now=float(INTERVAL * turn),
            deadline=Deadline(60, "simulating"),
        )
        collector._count(
            [(*key, True, born, *counters, 0.0, 0.0, 0.0) for key, born, counters in rows],
            epoch=self.server.epoch,
            order=order,
        )
        busiest = sorted(rows, key=lambda row: (-row[2][1], row[0]))[:TOP]
        self.naive.append({labels(key): int(counters[0]) for key, _, counters in busiest})

    def _happen(self, chance: random.Random) -> None:
        """A changing handful of statements is busy; now and then entries are lost."""
        keys: list[Key] = [(1, 1 + n % 2, 100 + n) for n in range(9)]
        fate = chance.random()
        if fate < 0.1 and self.server.entries:
            self.events["eviction"] += 1
            self.server.lose(chance.choice(list(self.server.entries)))
        elif fate < 0.14:
            self.events["reset"] += 1
            self.server.reset()
        elif fate < 0.18:
            self.events["crash"] += 1
            self.server.crash()
        for key in chance.sample(keys, 4):
            calls = chance.randrange(1, 40)
            self.server.call(key, calls, calls * chance.choice((1, 5, 60)))

    def _readable(self) -> Counter[Key]:
        return Counter(self.server.calls)

    def _forget_since(self, before: Counter[Key]) -> None:
        self.server.calls.clear()
        self.server.calls.update(before)


def labels(key: Key) -> str:
    user = {1: "web", 2: "jobs"}[key[1]]
    return f'user="{user}",datname="app",queryid="{key[2]}"'


def exact(window: Window, samples: list[Page | None]) -> bool:
    """Whether every series can be told exactly by `increase()` in this window.

    Prometheus extrapolates from a series' first and last sample to the window's ends. So a series must be
    there at the end, and at the beginning too, unless it comes at 0, to which nothing is extrapolated.
    """
    first, last = samples[window.begin], samples[window.end]
    if first is None or last is None:
        return False
    for body in {body for page in samples[window.begin : window.end + 1] if page for body in page}:
        if body not in last:
            return False
        came = next(page[body] for page in samples[window.begin : window.end + 1] if page and body in page)
        if body not in first and came != 0:
            return False
        held = [page[body] for page in samples[window.begin : window.end + 1] if page and body in page]
        if len(held) < 2 and held != [0]:
            return False
    return True


def windows(samples: list[Page | None]) -> Iterator[Window]:
    for length in (1, 2, 4, 7, 12, 20):
        for begin in range(ROUNDS - length):
            window = Window(begin, begin + length)
            if exact(window, samples):
                yield window


def values(samples: list[Page | None], body: str) -> str:
    return " ".join("_" if page is None or body not in page else str(page[body]) for page in samples)


def promtool(directory: Path, tests: list[dict[str, object]]) -> subprocess.CompletedProcess[str]:
    """Let Prometheus itself evaluate."""
    file = directory / "increase.yml"
    file.write_text(yaml.safe_dump({"evaluation_interval": f"{INTERVAL}s", "tests": tests}))
    return subprocess.run(
        ["promtool", "test", "rules", str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )


def case(name: str, samples: list[Page | None], expected: list[dict[str, object]]) -> dict[str, object]:
    bodies = sorted({body for page in samples if page for body in page})
    return {
        "name": name,
        "interval": f"{INTERVAL}s",
        "input_series": [
            {"series": f"{METRIC}{{{body}}}", "values": values(samples, body)} for body in bodies
        ],
        "promql_expr_test": expected,
    }


def expect(expression: str, window: Window, results: dict[str, int]) -> dict[str, object]:
    return {
        "expr": expression.format(f"{METRIC}[{(window.end - window.begin) * INTERVAL}s]"),
        "eval_time": f"{window.end * INTERVAL}s",
        "exp_samples": [{"labels": f"{{{body}}}", "value": value} for body, value in results.items()],
    }


def counted(play: Play, window: Window) -> Counter[Key]:
    return play.counted[window.end] - play.counted[window.begin]


def total(play: Play, window: Window) -> int:
    """What the pages must have gained: what the server counted, and what no longer waits to be shown."""
    return counted(play, window).total() + play.waiting[window.begin] - play.waiting[window.end]


@pytest.fixture(scope="module")
def plays() -> list[Play]:
    found = [Play(seed) for seed in range(12)]
    for play in found:
        play.run()
    return found


def test_the_sum_of_increases_is_what_the_server_counted(plays: list[Play], tmp_path: Path) -> None:
    """Over promotion, demotion, eviction, reset, crash, restart and pages that one of two scrapers missed."""
    tests, spanned, happened = [], 0, Counter[str]()
    for play in plays:
        happened += play.events
        for name, samples in play.pages.items():
            chosen = [window for window in windows(samples) if not _lost_by_restart(play, samples, window)]
            spanned += sum(any(w.begin < b <= w.end for b in play.baselines) for w in chosen)
            expected = [expect("sum(increase({}))", w, {"": total(play, w)}) for w in chosen]
            tests.append(case(f"play {play.seed} as {name} saw it", samples, expected))
    assert not {"promotion", "demotion", "eviction", "reset", "crash", "restart"} - set(happened), happened
    assert spanned > 20, "windows over a restart"
    result = promtool(tmp_path, tests)
    assert result.returncode == 0, result.stdout[:4000]


def test_a_statements_own_increase_is_what_the_server_counted_of_it(
    plays: list[Play], tmp_path: Path
) -> None:
    """While a statement is a member, its series has its calls: no more, no less; and never more at all."""
    tests, whole = [], 0
    for play in plays:
        for name, samples in play.pages.items():
            expected = []
            for window in windows(samples):
                truth = {labels(key): calls for key, calls in counted(play, window).items()}
                last = samples[window.end]
                assert last is not None
                for body in last:
                    if OTHER in body or not _two_samples(samples, window, body):
                        continue
                    increase = window.increase(samples, body)
                    assert increase <= truth.get(body, 0)
                    if increase and increase == truth[body]:
                        whole += 1
                    expected.append(
                        expect(f"increase({{}}) and {METRIC}{{{{{body}}}}}", window, {body: increase})
                    )
            tests.append(case(f"play {play.seed} as {name} saw it", samples, expected[:400]))
    assert whole > 500, "windows in which a series has all calls of its statement"
    result = promtool(tmp_path, tests)
    assert result.returncode == 0, result.stdout[:4000]


def test_absolute_values_of_the_busiest_would_be_wrong(plays: list[Play], tmp_path: Path) -> None:
    """The same events as `ORDER BY total_exec_time LIMIT n` exports them fail the same test."""
    for play in plays[:4]:
        pages: list[Page | None] = [*play.naive]
        undisturbed = [
            window
            for window in (Window(begin, begin + 4) for begin in range(ROUNDS - 4))
            if not any(window.begin < b <= window.end for b in play.baselines)
        ]
        expected = [expect("sum(increase({}))", w, {"": counted(play, w).total()}) for w in undisturbed]
        result = promtool(tmp_path, [case(f"play {play.seed}", pages, expected)])
        assert result.returncode != 0
        wrong = result.stdout.count("expr:")
        assert wrong > 0.8 * len(undisturbed) > 10, result.stdout[:4000]


def _two_samples(samples: list[Page | None], window: Window, body: str) -> bool:
    return sum(page is not None and body in page for page in samples[window.begin : window.end + 1]) > 1


def _lost_by_restart(play: Play, samples: list[Page | None], window: Window) -> bool:
    """Whether a restart took something with it that this scraper cannot know of.

    That is what the last page before it and the first page after it showed, when the scraper missed them,
    and calls that waited for a scrape to see a new group's 0.
    """
    return any(
        samples[b - 1] is None or samples[b] is None or play.waiting[b - 1]
        for b in play.baselines
        if window.begin < b <= window.end
    )
