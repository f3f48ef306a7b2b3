"""Which index may stand in for which, before the planner was asked."""

from __future__ import annotations

import pytest

from observer.advisor.indexes import Index, Key
from observer.advisor.model import members
from observer.advisor.names import RelationName
from observer.advisor.relatives import Relatives

RECIPES = RelationName("public", "recipes")


def index(keys: str, include: str = "", where: str = "", method: str = "btree") -> Index:
    return Index(
        RECIPES,
        tuple(Key(key) for key in keys.split()),
        include=tuple(include.split()),
        where=where,
        method=method,
    )


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (index("user_id created_at"), index("user_id")),
        (index("user_id created_at"), index("user_id", "created_at")),
        (index("created_at user_id"), index("user_id created_at")),
        (index("created_at user_id name"), index("user_id created_at", "name")),
    ],
    ids=["prefix", "keys-hold-as-include", "another-order", "another-order-and-more"],
)
def test_the_same_first_keys_and_all_columns_make_a_stand_in(wide: Index, narrow: Index) -> None:
    """Whichever of the two is known first."""
    relatives = Relatives()
    assert relatives.add(0, narrow) == (0, 0)
    narrower, _ = relatives.add(1, wide)
    assert list(members(narrower)) == [0]
    relatives = Relatives()
    relatives.add(0, wide)
    _, wider = relatives.add(1, narrow)
    assert list(members(wider)) == [0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (index("created_at user_id"), index("user_id")),
        (index("user_id"), index("user_id", "name")),
        (index("user_id created_at", where="deleted_at IS NULL"), index("user_id")),
        (index("tags", method="gin"), index("tags")),
    ],
    ids=["begins-with-another-key", "holds-less", "partial", "another-method"],
)
def test_what_could_not_do_the_others_work_is_no_stand_in(one: Index, other: Index) -> None:
    """Another first key, a column or a row that is missing, or another access method."""
    relatives = Relatives()
    relatives.add(0, other)
    assert relatives.add(1, one)[0] == 0
