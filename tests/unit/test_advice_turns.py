"""Databases of a target that take turns: shares of time, order, and one word on all of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observer.app.overview import GONE_AFTER, current
from observer.errors import NotAvailable, NotPermitted
from observer.jobs.job import Done
from observer.jobs.turns import LEAST_SHARE, as_one, fair_share, in_turn, summed_up
from observer.reports.kept import Listed

LACKING = NotAvailable("hypopg is missing", remedy="Make it.")


@given(st.floats(min_value=0.01, max_value=3_600.0), st.integers(min_value=1, max_value=300))
def test_turns_fill_a_run_and_never_outlast_it(whole: float, many: int) -> None:
    """Whoever takes all of its share: the sum is the run's, and everybody has a turn where all fit."""
    left, waiting = whole, many
    while waiting and (seconds := fair_share(left, waiting, whole=whole)) is not None:
        assert 0 < seconds <= left + 1e-9
        left -= seconds
        waiting -= 1
    assert waiting < many
    if whole >= many * LEAST_SHARE * 1.001:
        assert waiting == 0
    assert left >= -1e-6


def test_what_one_leaves_the_others_share() -> None:
    """A database that is done at once lengthens the turns after it."""
    assert fair_share(120.0, 4, whole=120.0) == 30.0
    assert fair_share(118.0, 2, whole=120.0) == 59.0
    assert fair_share(9.0, 2, whole=120.0) is None


def test_those_that_had_no_turn_come_first() -> None:
    """Then those whose last one is longest ago."""
    assert in_turn(["a", "b", "c", "d"], {"a": 30.0, "c": 10.0}) == ["b", "d", "c", "a"]


def test_one_database_is_told_as_it_is() -> None:
    """Nothing is added where there is one: neither to what it did nor to what it lacks."""
    done = Done("3 indexes")
    assert summed_up({"shop": done}) is done
    with pytest.raises(NotAvailable) as caught:
        summed_up({"shop": LACKING})
    assert caught.value is LACKING


def test_faults_are_told_with_their_databases_and_leave_the_others_theirs() -> None:
    """Each with its reason and remedy, and with the way to leave such databases out."""
    lacking = NotPermitted("no right", remedy="Grant it.")
    outcomes = {"shop": Done("1 index"), "crm": LACKING, "geo": Done("a guess", lacking)}
    done = summed_up(outcomes, waiting=2)
    assert done.sentence == "a guess; 1 index; 2 databases wait for the next run"
    assert isinstance(done.fault, NotAvailable)
    assert done.fault.sentence == (
        "database crm: hypopg is missing; database geo: no right; 1 other database had no fault"
    )
    assert done.fault.remedy == "Make it. Grant it. Or leave them out: databases: {exclude: [crm, geo]}."
    assert as_one([]) is None


def test_many_faults_are_told_shortly() -> None:
    """Three by one, then their number; the same remedy once."""
    fault = as_one([(f"d{number}", LACKING) for number in range(5)])
    assert fault is not None
    assert fault.sentence.endswith("database d2: hypopg is missing; and 2 more databases")
    assert fault.remedy == "Make it. Or leave them out: databases: {exclude: [d0, d1, d2, d3, d4]}."


def test_many_results_are_told_shortly() -> None:
    """Three by one, then their number."""
    done = summed_up({f"d{number}": Done(f"of d{number}") for number in range(8)})
    assert done == Done("of d0; of d1; of d2; and 5 more databases")
    assert summed_up({}).fault is None


def test_a_database_that_is_gone_leaves_the_start_page() -> None:
    """When others of its target went on without it; one that is alone stays."""

    def listed(target: str, database: str, at: float) -> Listed:
        return Listed(
            id=1, kind="indexes", target=target, database=database, made_at=at, headline="", changes={}
        )

    kept, gone = listed("main", "shop", 3 * GONE_AFTER), listed("main", "old", GONE_AFTER)
    alone = listed("other", "crm", 0.0)
    assert current([gone, kept, alone]) == [kept, alone]
