"""The peers of the advisor's benchmark do what is published of them; its queries are chosen by a rule."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from benchmarks.advisor.db2advis import _filled
from benchmarks.advisor.extend import _select
from benchmarks.advisor.workloads import dwarfing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.advisor.mentions import Columns


class TwoQueries:
    """The first wants (a, b) and takes (a) for half of it, the second wants (c); a column is 10 bytes."""

    mentions = SimpleNamespace(table_of={"a": "t", "b": "t", "c": "u"}, columns=[{"a", "b"}, {"c"}])

    def size(self, index: Columns) -> int:
        return 10 * len(index)

    def alone(self) -> list[float]:
        return [100.0, 100.0]

    def costs(self, chosen: frozenset[Columns], _before: Sequence[float], _changed: Columns) -> list[float]:
        first = 10.0 if ("a", "b") in chosen else 50.0 if ("a",) in chosen else 100.0
        return [first, 90.0 if ("c",) in chosen else 100.0]


def picked(budget: int, width: int = 2) -> tuple[Columns, ...]:
    whatif: Any = TwoQueries()
    return _select(whatif, budget, width)


def test_extend_takes_the_best_step_for_its_bytes_and_widens_what_it_has() -> None:
    """A single column first, then one more behind it, then the next best; never beyond budget or width."""
    assert picked(10) == (("a",),)
    assert picked(20) == (("a", "b"),)
    assert picked(30) == (("a", "b"), ("c",))
    assert picked(30, width=1) == (("a",), ("c",))
    assert picked(5) == ()


def test_credit_is_filled_in_by_value_and_prefixes_fall_together() -> None:
    """(a) adds to (a, b), which has more for each byte; what does not fit is passed over."""
    credit: dict[Columns, float] = {("a", "b"): 60.0, ("a",): 10.0, ("c",): 40.0, ("b",): 3.0}
    sizes: dict[Columns, int] = {("a", "b"): 20, ("a",): 10, ("c",): 15, ("b",): 10}
    assert _filled(dict(credit), sizes, 100) == [("a", "b"), ("c",), ("b",)]
    assert _filled(dict(credit), sizes, 30) == [("a", "b"), ("b",)]


def test_what_dwarfs_the_rest_is_left_out_the_dearest_first() -> None:
    """A query that is no more than a quarter of what is left stays, and so does all that is cheaper."""
    costs = {"1": 1e6, "2": 5000.0, **{str(n): 100.0 for n in range(3, 20)}}
    assert list(dwarfing(costs)) == ["1", "2"]
    assert not dwarfing({str(n): 1.0 for n in range(4)})
