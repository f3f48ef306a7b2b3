"""Series over the bound: which are left out, and that it is always the same ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from observer.exporter.bounds import Bound
from observer.exporter.declaration import Family, MetricDeclaration

if TYPE_CHECKING:
    import random

MANY = MetricDeclaration("pg_many", "gauge", "Many.", "postgres", ("relname",))
FEW = MetricDeclaration("pg_few", "gauge", "Few.", "postgres", ("relname",))


def family(metric: MetricDeclaration, names: list[str]) -> Family:
    return Family(metric, [("", f'relname="{name}"', index) for index, name in enumerate(names)])


def bodies(families: tuple[Family, ...], metric: MetricDeclaration) -> list[str]:
    return [body for found in families if found.metric == metric for _, body, _ in found.samples]


def test_what_is_within_the_bound_is_not_touched() -> None:
    """The same families, so that they are not rendered again."""
    given_families = [family(MANY, ["b", "a"]), family(FEW, ["z"]), family(MANY, ["c"])]
    cut, dropped = Bound(3).cut(given_families)
    assert all(a is b for a, b in zip(cut, given_families, strict=True))
    assert dropped == {}


def test_parts_of_a_metric_count_together() -> None:
    """Of many databases too; other metrics are left alone, and the number left out is told."""
    few = family(FEW, ["z"])
    cut, dropped = Bound(3).cut([family(MANY, ["d", "b"]), few, family(MANY, ["c", "a"])])
    assert dropped == {"pg_many": 1}
    assert bodies(cut, MANY) == ['relname="a"', 'relname="b"', 'relname="c"']
    assert any(one is few for one in cut)


@settings(deadline=None)
@given(
    st.lists(st.text("abc", min_size=1, max_size=4), unique=True, max_size=30),
    st.integers(1, 10),
    st.randoms(),
)
def test_the_choice_does_not_depend_on_the_order(names: list[str], most: int, chance: random.Random) -> None:
    """However the server orders its rows, the same series stay."""
    shuffled = chance.sample(names, len(names))
    first, dropped = Bound(most).cut([family(MANY, names)])
    second, _ = Bound(most).cut([family(MANY, shuffled[:3]), family(MANY, shuffled[3:])])
    assert sorted(bodies(first, MANY)) == sorted(bodies(second, MANY))
    assert len(bodies(first, MANY)) == min(most, len(names))
    assert sum(dropped.values()) == max(0, len(names) - most)


def test_a_cut_of_the_same_families_is_the_same() -> None:
    """What did not change is not rendered again."""
    bound, big = Bound(2), family(MANY, ["a", "b", "c"])
    assert bound.cut([big])[0][0] is bound.cut([big])[0][0]
    assert bound.cut([family(MANY, ["x", "y", "z"])])[0][0] is not bound.cut([big])[0][0]
