"""How long things are kept, and how the store stays under its bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from observer.store.store import Store

PAGES_A_STEP = 2_000
HALVINGS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one room keeps.

    Args:
        name: Shown with the number of rows that were removed.

        keep: Seconds that rows are kept while there is room.

        floor: Seconds below which rows are never removed, however full the store is.

        prune: Removes rows older than a Unix time and says how many. What is still needed, such as an open
            incident, is spared whatever its age.

        roll_up: Condenses rows older than a Unix time before they are removed; nothing by default.
    """

    name: str
    keep: float
    floor: float
    prune: Callable[[Connection, float], int]
    roll_up: Callable[[Connection, float], int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What one pass did: rows removed by rule, and bytes used before and after."""

    removed: dict[str, int]
    before: int
    after: int
    bound: int

    @property
    def fits(self) -> bool:
        """Whether the store is under its bound now."""
        return self.after <= self.bound


class Retention:
    """Prunes by age, then harder while the store is over its bound.

    Args:
        store: Where to prune.

        rules: Every room's rules.

        bound: Bytes that the store may use.
    """

    def __init__(self, *, store: Store, rules: tuple[Rule, ...], bound: int) -> None:
        self._store = store
        self._rules = rules
        self._bound = bound

    def run(self, now: float) -> Pruned:
        """One pass. Each rule is a transaction of its own, so that webhooks are not held up."""
        removed = dict.fromkeys((rule.name for rule in self._rules), 0)
        before = self._store.size().used
        after = before
        # Halving what is kept reaches every floor within a few rounds, and stops at the first that fits.
        for halving in range(HALVINGS + 1):
            for rule in self._rules:
                kept = max(rule.floor, rule.keep / 2**halving)
                removed[rule.name] += self._apply(rule, now - kept)
            after = self._store.size().used
            if after <= self._bound:
                break
        self._give_back()
        return Pruned(removed=removed, before=before, after=after, bound=self._bound)

    def _apply(self, rule: Rule, before: float) -> int:
        def work(connection: Connection) -> int:
            if rule.roll_up is not None:
                rule.roll_up(connection, before)
            return rule.prune(connection, before)

        return self._store.write(work)

    def _give_back(self) -> None:
        """Return free pages to the file system, some at a time."""
        while (free := self._store.size().free_pages) > 0:
            self._store.write(_vacuum)
            if self._store.size().free_pages >= free:
                return


def _vacuum(connection: Connection) -> None:
    # Each step of the statement frees one page: it must be read to its end.
    cursor = connection.connection.cursor()
    cursor.execute(f"PRAGMA incremental_vacuum({PAGES_A_STEP})")
    cursor.fetchall()
    cursor.close()
