"""Which databases are read, and when: choice by patterns, turns, and what failures do to them."""

from __future__ import annotations

import pytest

from observer.exporter.postgres.databases import Choice, Database, chosen
from observer.exporter.postgres.rounds import MOST_PATIENCE, SHARE, Rounds


@pytest.mark.parametrize(
    ("choice", "taken"),
    [
        (Choice(), ["app", "shop_eu", "shop_us"]),
        (Choice(include=["shop_*"]), ["shop_eu", "shop_us"]),
        (Choice(include=["*"], exclude=["shop_*"]), ["app"]),
        (Choice(include=["shop_*"], exclude=["*_eu"]), ["shop_us"]),
        (Choice(include=["rdsadmin", "app"]), ["app", "rdsadmin"]),
        (Choice(include=[]), []),
    ],
)
def test_databases_are_chosen_by_patterns(choice: Choice, taken: list[str]) -> None:
    """What hosts of servers keep for themselves is read only when it is named as it is."""
    rows = [("shop_us", False, False), ("app", True, False), ("shop_eu", False, True)]
    rows += [(name, False, False) for name in ("rdsadmin", "cloudsqladmin", "azure_maintenance")]
    assert [database.name for database in chosen(rows, choice)] == taken
    assert Database("app", here=True, locked=False) in chosen(rows, Choice())


def rounds(interval: float = 60.0, *names: str) -> Rounds:
    made = Rounds(interval, jitter=lambda: 0.5)
    made.follow(names, 1000.0)
    return made


def test_everybody_has_a_turn_at_the_interval() -> None:
    """New databases are due at once, in order; then each at its interval since its visit began."""
    made, order, now = rounds(60.0, "b", "a", "c"), [], 1000.0
    while len(order) < 9:
        turn = made.next()
        assert turn is not None
        name, at = turn
        now = max(now, at)
        order.append((name, round(now)))
        made.visited(name, began=now, ended=now + 0.1, ok=True)
        now += 0.1
    assert [name for name, _ in order] == ["a", "b", "c"] * 3
    assert [at for name, at in order if name == "a"] == [1000, 1060, 1120]


def test_visits_take_a_share_of_the_time_only() -> None:
    """However many databases there are: after each visit comes a pause in proportion to it."""
    made, now, busy = rounds(1.0, *(f"d{n}" for n in range(500))), 1000.0, 0.0
    for _ in range(1500):
        turn = made.next()
        assert turn is not None
        now = max(now, turn[1])
        made.visited(turn[0], began=now, ended=now + 0.05, ok=True)
        now += 0.05
        busy += 0.05
    assert busy / (now - 1000.0) == pytest.approx(SHARE, rel=0.01)


def test_a_database_that_fails_is_tried_ever_more_rarely() -> None:
    """It has its next chance at the interval, then at twice that and so on; one success forgets it all."""
    made, now, waits = rounds(60.0, "bad"), 1000.0, []
    for _ in range(8):
        made.visited("bad", began=now, ended=now, ok=False)
        turn = made.next()
        assert turn is not None
        waits.append(round(turn[1] - now))
        now = turn[1]
    assert waits == [60, 120, 240, 480, MOST_PATIENCE, MOST_PATIENCE, MOST_PATIENCE, MOST_PATIENCE]
    made.visited("bad", began=now, ended=now, ok=True)
    assert made.next() == ("bad", now + 60)


def test_a_database_that_is_gone_has_no_turn() -> None:
    """Also when it went during its visit; one that comes is due at once."""
    made = rounds(60.0, "a", "b")
    made.follow(["b", "c"], 1010.0)
    made.visited("a", began=1005.0, ended=1010.0, ok=False)
    assert made.next() == ("b", 1010.0)
    made.visited("b", began=1010.0, ended=1010.0, ok=True)
    assert made.next() == ("c", 1010.0)
    made.follow([], 1011.0)
    assert made.next() is None


def test_after_an_outage_everything_is_due() -> None:
    """Patience with a database was patience with its server."""
    made = rounds(60.0, "a")
    for _ in range(5):
        made.visited("a", began=1000.0, ended=1000.0, ok=False)
    made.again(1001.0)
    assert made.next() == ("a", 1001.0)
    made.visited("a", began=1001.0, ended=1001.0, ok=False)
    made.again(1002.0, "a")
    assert made.next() == ("a", 1002.0)
