"""Rounds: everybody in turn is scraped a few times while all others stand still; what it costs is noted."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.exporter.accounting import cluster_cpu, memory, process_cpu

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.exporter.contestants import Contestant, Page

WARM = 3
"""Scrapes before those that count; Observer learns a rhythm in as many."""

CONTROL_SECONDS = 3.0


@dataclass(slots=True)
class Tally:
    """What the scrapes of a contestant came to."""

    contestant: Contestant
    wall_ms: list[float] = field(default_factory=list)
    age_ms: list[float] = field(default_factory=list)
    exporter_ms: float = 0.0
    server_ms: float = 0.0
    collections: int = 0
    resident_mb: float = 0.0
    peak_mb: float = 0.0
    page: Page | None = None


@dataclass(frozen=True, slots=True)
class Ground:
    """How the CPU of what is watched is read, in milliseconds.

    Args:
        postgres: Of the cluster.
        redis: Of the Redis server.
    """

    postgres: Callable[[], float]
    redis: Callable[[], float]

    @classmethod
    def of(cls, postmaster: int, redis: int, load: frozenset[int]) -> Ground:
        return cls(
            postgres=lambda: cluster_cpu(postmaster, without=load),
            redis=lambda: process_cpu(redis),
        )


def play(
    contestants: Sequence[Contestant],
    ground: Ground,
    *,
    rounds: int,
    scrapes: int,
    say: Callable[[str], None],
) -> list[Tally]:
    """Measure everybody in rounds, so that the machine's moods fall on all alike.

    Args:
        contestants: Started, and all paused.
        ground: What is watched.
        rounds: How often everybody has a turn.
        scrapes: Of a turn, those to warm up not counted.
        say: Is told how far it is.
    """
    tallies = [Tally(contestant) for contestant in contestants]
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        idle = _idle_rate(ground)
        # Each round begins with another one: nobody always comes after the dearest.
        for tally in tallies[number:] + tallies[:number]:
            _turn(tally, ground, idle, scrapes=scrapes, seed=number)
    return tallies


def _idle_rate(ground: Ground) -> dict[str, float]:
    """What the servers use by themselves, in milliseconds a second."""
    before, began = (ground.postgres(), ground.redis()), time.monotonic()
    time.sleep(CONTROL_SECONDS)
    seconds = time.monotonic() - began
    return {
        "postgres": (ground.postgres() - before[0]) / seconds,
        "redis": (ground.redis() - before[1]) / seconds,
    }


def _turn(tally: Tally, ground: Ground, idle: dict[str, float], *, scrapes: int, seed: int) -> None:
    contestant, chooser = tally.contestant, random.Random(seed)
    server = ground.postgres if contestant.watched == "postgres" else ground.redis
    contestant.resume()
    try:
        due = time.monotonic()
        for _ in range(WARM):
            due = _wait_until(due) + contestant.gap(chooser)
            page = contestant.scrape()
        exporter_before, server_before, began = (
            process_cpu(contestant.process.pid),
            server(),
            time.monotonic(),
        )
        read_before = page.collections()
        for _ in range(scrapes):
            due = _wait_until(due) + contestant.gap(chooser)
            page = contestant.scrape()
            tally.wall_ms.append(page.wall_ms)
            tally.age_ms.append(page.age_ms())
        seconds = time.monotonic() - began
        tally.exporter_ms += process_cpu(contestant.process.pid) - exporter_before
        tally.server_ms += server() - server_before - seconds * idle[contestant.watched]
        read = page.collections()
        # An exporter that does not count reads its server at each scrape.
        tally.collections += scrapes if read is None or read_before is None else read - read_before
        tally.resident_mb, tally.peak_mb = memory(contestant.process.pid)
        tally.page = page
    finally:
        contestant.pause()


def _wait_until(due: float) -> float:
    """Wait; return when the next interval counts from, which is never in the past."""
    time.sleep(max(0.0, due - time.monotonic()))
    return max(due, time.monotonic() - 0.05)
