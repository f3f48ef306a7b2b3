"""Constants that a program wrote, found again in the texts that its sessions sent."""

from __future__ import annotations

import pytest

from observer.advisor.constants import completed, with_constants
from observer.advisor.workload import Statement

KEPT = "SELECT id FROM reviews WHERE recipe_id = $1 AND status = $2 ORDER BY created_at DESC LIMIT $3"
SENT = "SELECT id FROM reviews WHERE recipe_id = $1 AND status = 'flagged' ORDER BY created_at DESC LIMIT 10"


def test_beside_a_bound_parameter_one_sighting_is_enough() -> None:
    """Who binds one value does not write another into the text; parameters that are left count from 1."""
    assert completed(KEPT, [SENT]) == SENT
    assert completed(
        "SELECT name FROM r WHERE to_tsvector($2, name) @@ plainto_tsquery($3, $1)",
        ["SELECT name FROM r WHERE to_tsvector('english', name) @@ plainto_tsquery('english', $1)"],
    ) == ("SELECT name FROM r WHERE to_tsvector('english', name) @@ plainto_tsquery('english', $1)")


def test_where_nothing_is_bound_two_must_agree() -> None:
    """A value that a program writes into the text is another one the next time."""
    sent = [
        "SELECT id FROM t WHERE owner = 7 AND kind = 'x'",
        "SELECT id FROM t WHERE owner = 8 AND kind = 'x'",
    ]
    kept = "SELECT id FROM t WHERE owner = $1 AND kind = $2"
    assert completed(kept, sent[:1]) == kept
    assert completed(kept, sent) == "SELECT id FROM t WHERE owner = $1 AND kind = 'x'"


@pytest.mark.parametrize(
    "seen",
    [
        [],
        ["SELECT id FROM reviews WHERE recipe_id = $1 AND sta"],  # cut off, and it parses all the same
        ["SELECT id FROM reviews WHERE recipe_id = $1 AND status = '"],
        ["SELECT 1; SELECT 2"],
        [SENT, SENT.replace("'flagged'", "'visible'").replace("10", "20")],
    ],
)
def test_what_is_not_sure_stays_a_parameter(seen: list[str]) -> None:
    """Texts cut off, of another shape, or in which the constants differ, change nothing."""
    assert completed(KEPT, seen) == KEPT


def test_a_shortened_list_hides_nothing_else() -> None:
    """The server writes long lists of IN shorter; what stands beside them is found all the same."""
    kept = "SELECT id FROM t WHERE a IN ($1 /*, ... */) AND b = $2 AND c = $3"
    sent = "SELECT id FROM t WHERE a IN (1, 2, 3) AND b = 'on' AND c = $1"
    assert completed(kept, [sent]) == "SELECT id FROM t WHERE a IN ($1) AND b = 'on' AND c = $2"


def test_statements_are_completed_by_queryid() -> None:
    """Each has its own texts; those of a file have none."""
    found = with_constants([Statement(KEPT, 1), Statement(KEPT, 2), Statement(KEPT)], {1: [SENT]})
    assert [statement.text for statement in found] == [SENT, KEPT, KEPT]
