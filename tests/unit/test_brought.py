"""What built indexes brought, from the changes that a report keeps."""

from __future__ import annotations

from typing import Any

import pytest

from observer.reports.brought import brought, milliseconds


def statement(queryid: str, before: float, after: float | None, calls: int) -> dict[str, Any]:
    return {
        "queryid": queryid,
        "text": f"SELECT {queryid}",
        "mean_before_ms": before,
        "mean_after_ms": after,
        "calls_after": calls,
    }


def changes(*indexes: list[dict[str, Any]]) -> dict[str, Any]:
    return {"built": [{"name": f"i{n}", "statements": found} for n, found in enumerate(indexes)]}


def test_a_statement_of_two_indexes_counts_once() -> None:
    """Each statement stands once, the one that saves most first, and the sums are weighted by its calls."""
    shared = statement("1", 10.0, 1.0, 10)
    told = brought(changes([shared, statement("2", 1000.0, 500.0, 2)], [shared]))
    assert told is not None
    assert [one.queryid for one in told.statements] == ["2", "1"]
    # (10 x 10 + 2 x 1000) / 12 and (10 x 1 + 2 x 500) / 12
    assert (
        told.sentence() == "2 indexes were built: 2 statements take 52 % less time, 175 ms → 84.2 ms a call"
    )


def test_what_was_not_called_since_proves_nothing() -> None:
    """It is listed last, and makes no sum."""
    told = brought(changes([statement("1", 10.0, None, 0)]))
    assert told is not None
    assert told.sentence() == "1 index was built; the statements they serve were not called since"
    assert told.statements[0].factor() == "not called since"
    assert brought({"built": []}) is None


def test_what_became_slower_is_said_as_such() -> None:
    """No gain is made up."""
    told = brought(changes([statement("1", 10.0, 15.0, 4)]))
    assert told is not None
    assert (
        told.sentence()
        == "1 index was built: the statement it serves takes 50 % more time, 10 ms → 15 ms a call"
    )
    assert told.statements[0].factor() == "1.5 times slower"
    assert told.statements[0].left == 1.0


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "-"), (0.004, "< 0.01 ms"), (0.0568, "0.057 ms"), (12.34, "12.3 ms"), (4321.0, "4.32 s")],
)
def test_times_are_said_with_the_digits_they_deserve(value: float | None, words: str) -> None:
    """Three digits at most."""
    assert milliseconds(value) == words
