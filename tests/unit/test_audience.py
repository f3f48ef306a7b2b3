"""Who has seen which version, so that a counter counts only after its 0 was scraped."""

from __future__ import annotations

from observer.exporter.audience import REMEMBERED, Audience


def test_nobody_has_seen_anything() -> None:
    """Before the first page nothing may count in a new series."""
    assert Audience().seen("main", []) == 0
    assert Audience().seen("main", ["a"]) == 0


def test_the_slowest_regular_decides() -> None:
    """A version is seen once every regular scraper has it."""
    audience = Audience()
    audience.served("a", {"main": 7})
    audience.served("b", {"main": 3})
    assert audience.seen("main", ["a", "b"]) == 3
    audience.served("b", {"main": 8})
    assert audience.seen("main", ["a", "b"]) == 7


def test_who_only_looks_in_does_not_hold_others_up() -> None:
    """Only regulars decide, as soon as there are any."""
    audience = Audience()
    audience.served("curl", {"main": 1})
    assert audience.seen("main", []) == 1
    audience.served("a", {"main": 9})
    assert audience.seen("main", ["a"]) == 9


def test_who_never_asked_for_a_target_does_not_count_for_it() -> None:
    """A scraper of one target's page says nothing of another."""
    audience = Audience()
    audience.served("a", {"main": 5})
    audience.served("b", {"other": 2})
    assert audience.seen("main", ["a", "b"]) == 5
    assert audience.seen("other", ["a", "b"]) == 2


def test_a_late_older_page_takes_nothing_back() -> None:
    """Two pages under way at once may arrive in either order."""
    audience = Audience()
    audience.served("a", {"main": 5})
    audience.served("a", {"main": 4})
    assert audience.seen("main", ["a"]) == 5


def test_passers_by_do_not_drive_out_who_comes_again_and_again() -> None:
    """Memory is bounded; who was served longest ago is forgotten first."""
    audience = Audience()
    for number in range(3 * REMEMBERED):
        if number % 100 == 0:
            audience.served("prometheus", {"main": 5})
        audience.served(f"passer-by {number}", {"main": 1000})
    assert audience.seen("main", ["prometheus"]) == 5
    assert len(audience._served) == REMEMBERED
