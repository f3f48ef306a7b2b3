"""Workloads: from files, from samples, joined by shape; budgets; what is left out and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observer.advisor.budget import MalformedBudget, parse_budget
from observer.advisor.redaction import redacted
from observer.advisor.workload import Entry, MalformedWorkload, from_file, from_samples, weighed


def test_a_file_gives_each_statement_its_weight() -> None:
    """A weight belongs to the statement after it, and to no other."""
    found = from_file("-- weight: 3\nselect a from t where x = ';';\nselect b from u /* ; */ where y = 2;\n")
    assert [(s.text, s.weight) for s in found.statements] == [
        ("select a from t where x = ';'", 3.0),
        ("select b from u /* ; */ where y = 2", 1.0),
    ]


def test_statements_of_one_shape_are_one() -> None:
    """Constants do not make a statement another one; weights add up."""
    found = from_file("select a from t where x = 1; -- weight: 4\nselect a from t where x = 2")
    assert [s.weight for s in found.statements] == [5.0]


@pytest.mark.parametrize(
    "text", ["", "-- nothing", "select 'open", "-- weight: many\nselect 1", "-- weight: 0\nselect 1"]
)
def test_a_file_that_cannot_be_used_says_why(text: str) -> None:
    """Bad input gets an error with a remedy."""
    with pytest.raises(MalformedWorkload) as caught:
        from_file(text)
    assert caught.value.sentence
    assert caught.value.remedy


def test_the_difference_of_two_samples_is_the_workload() -> None:
    """What was not called in the window is not in it; a counter that went back counts from zero."""
    before = [
        Entry(1, "select 1 from a", 10, 100.0),
        Entry(2, "select 1 from b", 5, 50.0),
        Entry(3, "select 1 from c", 9, 9),
    ]
    after = [
        Entry(1, "select 1 from a", 12, 130.0),
        Entry(2, "select 1 from b", 5, 50.0),
        Entry(3, "select 1 from c", 2, 4),
    ]
    found = from_samples(before, after, 60)
    assert {s.queryid: (s.calls, s.total_ms) for s in found.statements} == {1: (2, 30.0), 3: (2, 4.0)}


def test_texts_that_cannot_be_read_are_reported() -> None:
    """A hidden text names the missing right, a cut-off one that it is cut off."""
    found = from_samples(
        [], [Entry(1, "<insufficient privilege>", 1, 1), Entry(2, "select a from t where b in (1, ", 1, 1)], 0
    )
    reasons = {item.queryid: item.reason + item.remedy for item in found.skipped}
    assert "pg_monitor" in reasons[1]
    assert "cut off" in reasons[2]
    assert not found.statements


@given(st.floats(min_value=0.1, max_value=1e6, allow_nan=False), st.sampled_from(["B", "kB", "MB", "GB"]))
def test_a_budget_of_bytes_is_read_back(number: float, unit: str) -> None:
    """Units are PostgreSQL's."""
    factor = {"B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3}[unit]
    assert parse_budget(f"{number:.3f}{unit}", 0) == int(float(f"{number:.3f}") * factor)


def test_a_budget_may_be_a_share() -> None:
    """Of the database."""
    assert parse_budget("10%", 2000) == 200


@pytest.mark.parametrize("text", ["lots", "-5MB", "0", "5 parsecs"])
def test_a_budget_that_is_none_is_refused(text: str) -> None:
    """With the forms that are understood."""
    with pytest.raises(MalformedBudget, match="not understood"):
        parse_budget(text, 0)


def test_a_report_shows_no_constant() -> None:
    """Values stay out of reports, also where a text cannot be parsed."""
    assert redacted("select *\nfrom t where name = 'secret'") == "select * from t where name = $1"
    assert "secret" not in redacted("selec 'secret'")


def test_utility_and_own_statements_are_no_workload() -> None:
    """They take time, but no index serves them: they neither stand in the workload nor crowd others out."""
    texts = [
        "VACUUM recipes",
        "COPY recipes FROM STDIN",
        "COPY recipes TO STDOUT",
        "EXPLAIN SELECT * FROM recipes",
        "SELECT $1",
        "SELECT relname FROM pg_class",
        "SELECT queryid FROM public.pg_stat_statements($1) s JOIN pg_catalog.pg_database d ON d.oid = s.dbid",
        "SELECT a.pid FROM pg_catalog.pg_stat_activity a",
        "SELECT name FROM recipes WHERE id = $1",
        "WITH gone AS (SELECT id FROM recipes) DELETE FROM reviews USING gone WHERE recipe_id = gone.id",
    ]
    found = from_samples([], [Entry(n, text, 1, 1000.0 - n) for n, text in enumerate(texts)], 60)
    assert [s.queryid for s in found.statements] == [8, 9]
    assert not found.skipped
    assert [s.text for s in found.loads] == ["COPY recipes FROM STDIN"]


def test_a_workload_can_be_weighed_by_calls_or_blocks() -> None:
    """The time of the window is shared out by them; statements that count nothing then are left out."""
    found = from_samples(
        [Entry(1, "select 1 from a", 5, 50.0, blocks=10)],
        [Entry(1, "select 1 from a", 6, 100.0, blocks=10), Entry(2, "select 1 from b", 9, 50.0, blocks=400)],
        60,
    )
    for by, expected in (
        ("time", {1: 50.0, 2: 50.0}),
        ("calls", {1: 10.0, 2: 90.0}),
        ("blocks", {2: 100.0}),
    ):
        assert {s.queryid: s.total_ms for s in weighed(found, by).statements} == expected
