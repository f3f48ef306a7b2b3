"""The job that keeps the store under its bound: old things are condensed, then removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.advisor import history
from observer.errors import ObserverError
from observer.incidents import ledger
from observer.jobs.job import Done
from observer.reports import advised, kept
from observer.store import ticks
from observer.store.retention import Retention

if TYPE_CHECKING:
    from observer.clock import Clock
    from observer.jobs.job import Run
    from observer.metrics import Metrics
    from observer.store.store import Store

NAME = "store-upkeep"
INTERVAL = 600

RULES = (ticks.RULE, ledger.RULE, *history.RULES, kept.RULE, advised.RULE)


class StoreUpkeep:
    """Prunes the store.

    Args:
        bound: Bytes that it may use.
    """

    def __init__(self, *, store: Store, bound: int, clock: Clock, metrics: Metrics) -> None:
        self._retention = Retention(store=store, rules=RULES, bound=bound)
        self._clock = clock
        self._metrics = metrics
        metrics.store_bound.set(bound)
        metrics.store_size.set(store.size().used)

    def work(self, _: Run) -> Done:
        """The job."""
        pruned = self._retention.run(self._clock.now())
        self._metrics.store_size.set(pruned.after)
        said = f"{pruned.after / 1024**2:.1f} MB in use, {sum(pruned.removed.values())} rows removed"
        if pruned.fits:
            return Done(said)
        return Done(
            said,
            ObserverError(
                f"the store is over its bound: {pruned.after} of {pruned.bound} bytes",
                remedy="Raise store.size: what must be kept needs more.",
            ),
        )
