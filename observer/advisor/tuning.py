"""One search from prepared statements to a set of indexes: candidates, sizes, write load, merges."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from observer.advisor.candidates.gather import already_there
from observer.advisor.explore import Search
from observer.advisor.merging import cores, merged, narrowed
from observer.advisor.model import Model, Rules, members
from observer.advisor.relatives import Relatives
from observer.advisor.sizes import corrected_size, share_of_rows
from observer.advisor.writes import WriteRate, upkeep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from observer.advisor.explore import Found
    from observer.advisor.indexes import Index
    from observer.advisor.names import RelationName
    from observer.advisor.preparation import Prepared
    from observer.advisor.pricing import Pricing
    from observer.advisor.schema import Schema
    from observer.advisor.writes import Upkeep

_NO_BUDGET = 1 << 62

_MOST_MERGED = 12
"""Indexes of a table that are merged pair by pair before the search begins."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a search came to."""

    model: Model
    found: Found
    chosen: tuple[Index, ...]

    def with_set(self, chosen: int, indexes: Sequence[Index]) -> Tuned:
        """The same search with another set as its answer."""
        found = replace(self.found, chosen=chosen)
        return replace(self, found=found, chosen=tuple(indexes[number] for number in members(chosen)))


class Tuning:
    """Candidates of a search as numbers, and back.

    Args:
        size_of: Bytes of indexes as the budget counts them.

        rates: How fast the workload writes to each table.

        seconds: Of the workload's window; 0 where times are unknown, and write load then counts nothing.
    """

    def __init__(
        self,
        prepared: Sequence[Prepared],
        schema: Schema,
        pricing: Pricing,
        *,
        width: int,
        seconds: float,
        rates: Mapping[RelationName, WriteRate],
        size_of: Callable[[list[Index]], list[int]] | None = None,
    ) -> None:
        self.schema = schema
        self.pricing = pricing
        self.width = width
        self.seconds = seconds
        self.rates = rates
        self._size_of = size_of or self._corrected
        timed = seconds > 0
        weights = [
            made.weight * (made.statement.total_ms / max(made.base, 1e-9) if timed else made.statement.weight)
            for made in prepared
        ]
        self.model = Model(weights, [made.base for made in prepared])
        self.awaits = [made.awaits for made in prepared]
        self._banned: list[tuple[frozenset[str], tuple[RelationName, str] | None]] = []
        self._orders: dict[RelationName, frozenset[str]] = {}
        for made in prepared:
            for access in made.shape.accesses:
                firsts = {order[0].text for order in access.orders if access.limited}
                self._orders[access.relation] = self._orders.get(access.relation, frozenset()) | firsts
        self._relatives = Relatives()
        own: list[Index] = list(dict.fromkeys(c.index for made in prepared for c in made.candidates))
        self.register(own)
        self.own = [
            sum(
                1 << self.pricing.numbers[c.index] for c in made.candidates if c.index in self.pricing.numbers
            )
            for made in prepared
        ]

    def register(self, indexes: list[Index]) -> None:
        """Make candidates known that are not yet."""
        fresh = [index for index in dict.fromkeys(indexes) if index not in self.pricing.numbers]
        for index, size in zip(fresh, self._size_of(fresh) if fresh else [], strict=True):
            number = self.pricing.add(index)
            narrower, wider = self._relatives.add(number, index)
            load = self.load(index).ms_per_second * self.seconds
            self.model.add_index(max(1, size), load, narrower, wider)

    def ban(self, numbers: Iterable[int]) -> None:
        """Let the search choose these no more, nor others that give the same order after fewer keys."""
        for number in numbers:
            index = self.pricing.indexes[number]
            self._banned.append(_ordered(index, self._orders.get(index.relation, frozenset())))
        for number, index in enumerate(self.pricing.indexes):
            if self.is_banned(index):
                self.model.resize(number, _NO_BUDGET)

    def forbid(self, numbers: Iterable[int]) -> None:
        """Let the search choose these no more."""
        for number in numbers:
            self.model.resize(number, _NO_BUDGET)

    def size(self, index: Index) -> int:
        """Bytes of an index, as the budget counts them."""
        return self._size_of([index])[0]

    def is_banned(self, index: Index) -> bool:
        """Whether the search may not choose it."""
        head, order = _ordered(index, self._orders.get(index.relation, frozenset()))
        return any(order == banned and order and head <= most for most, banned in self._banned)

    def load(self, index: Index) -> Upkeep:
        """What the index costs the writers of its table."""
        relation = self.schema.relations[index.relation]
        rate = self.rates.get(index.relation, WriteRate())
        share = share_of_rows(index, relation)
        return upkeep(index, relation, share, rate, self.schema.server_version)

    def search(
        self,
        rules: Rules,
        *,
        start: int = 0,
        anew: int = -1,
        go_on: Callable[[], bool] = lambda: True,
        progress: Callable[[int, float, int], None] = lambda *_: None,
    ) -> Tuned:
        """Find a set within the rules, from ``start`` on; ask those in ``anew`` from the beginning."""
        search = Search(
            self.model,
            self.pricing,
            self.own,
            rules,
            simple=self._simple,
            grow=self._grow,
            start=start,
            anew=anew,
            go_on=go_on,
            progress=progress,
        )
        found = search.run()
        return Tuned(
            self.model, found, tuple(self.pricing.indexes[number] for number in members(found.chosen))
        )

    def _simple(self) -> list[int]:
        """Candidates of one key, and of keys alone, as sets."""
        single = keys = 0
        for number, index in enumerate(self.pricing.indexes):
            if not index.include:
                keys |= 1 << number
                if len(index.keys) == 1:
                    single |= 1 << number
        return [single, keys]

    def _grow(self, chosen: int) -> int:
        """Merge and narrow the chosen indexes; before the first round, those that look best."""
        numbers = (
            list(members(chosen))
            if chosen
            else cores(self.model, _MOST_MERGED, lambda number: self.pricing.indexes[number].relation)
        )
        indexes = [self.pricing.indexes[number] for number in numbers]
        made: list[Index] = []
        for place, one in enumerate(indexes):
            made += narrowed(one)
            relation = self.schema.relations[one.relation]
            for other in indexes[place + 1 :]:
                made += merged(one, other, relation, self.width)
        kept = [
            index
            for index in dict.fromkeys(made)
            if not already_there(index, self.schema.relations[index.relation]) and not self.is_banned(index)
        ]
        self.register(kept)
        grown = 0
        for index in kept:
            grown |= 1 << self.pricing.numbers[index]
        return grown

    def _corrected(self, indexes: list[Index]) -> list[int]:
        return [corrected_size(index, self.schema.relations[index.relation]) for index in indexes]


def _ordered(index: Index, orders: frozenset[str]) -> tuple[frozenset[str], tuple[RelationName, str] | None]:
    """The keys before the first one that a LIMITed statement sorts by, and that key with its table."""
    head: list[str] = []
    for key in index.keys:
        if key.text in orders:
            return frozenset(head), (index.relation, key.text)
        head.append(key.text)
    return frozenset(head), None
