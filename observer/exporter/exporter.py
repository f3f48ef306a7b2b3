"""Scrapes: which snapshots a page needs, how long it waits for them, and the bytes that it is made of."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isal import igzip

from observer.errors import ObserverError
from observer.exporter.exposition import page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from observer.clock import Clock
    from observer.exporter.audience import Audience
    from observer.exporter.snapshot import Snapshot, Source
    from observer.exporter.worker import Listener, Worker

ROUND = 0.1
"""Seconds that the making of a page beforehand waits for the other targets of the same round."""

WARM_FOR = 300.0
"""Seconds since its last scrape for which a page is made beforehand."""


class UnknownTarget(ObserverError):  # noqa: N818 - reads as a state wherever it is shown
    """A page was asked for a target that is not configured."""

    code = "unknown-target"


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it is sent.

    Args:
        body: Plain.
        gzip: Compressed.
        versions: Of the snapshots that it shows, by target.
    """

    body: bytes
    gzip: bytes
    versions: dict[str, int]


Selection = str | None
"""The name of a target, or ``None`` for the page of all."""


class Exporter:
    """All workers, and the pages made of what they publish.

    Args:
        workers: One for each target.
        own: Observer's own metrics in the text format; they stand on the page of all.
        audience: Is told who was served what.
        clock: The time.
    """

    def __init__(
        self,
        workers: Sequence[Worker],
        *,
        own: Callable[[], bytes],
        audience: Audience,
        clock: Clock,
    ) -> None:
        self.workers = {worker.source.name: worker for worker in workers}
        self._own = own
        self._audience = audience
        self._clock = clock
        self._made: dict[Selection, Page] = {}
        self._asked: dict[Selection, float] = {}
        self._making = threading.Lock()
        self._fresh = threading.Event()
        self._stopping = False
        self._maker = threading.Thread(target=self._make_beforehand, name="pages", daemon=True)

    def start(self) -> None:
        """Begin to collect."""
        self._maker.start()
        for worker in self.workers.values():
            worker.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End all threads; what is running is cut off."""
        self._stopping = True
        self._fresh.set()
        until = time.monotonic() + timeout
        threads = [
            threading.Thread(target=worker.stop, args=(timeout,), daemon=True)
            for worker in self.workers.values()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))

    def collected(self) -> None:
        """A worker has published; pages that are scraped can be made beforehand."""
        self._fresh.set()

    def wedged(self) -> list[str]:
        """The targets whose collection has not come back long after its deadline."""
        now = self._clock.monotonic()
        return [name for name, worker in self.workers.items() if worker.wedged(now)]

    async def scrape(self, selection: Selection, *, scraper: str, budget: float) -> Page:
        """A page for somebody who scrapes.

        Targets whose numbers are too old are read anew, and waited for as long as makes sense: not for
        those that hang or are down, and never longer than the budget.

        Args:
            selection: A target, or ``None`` for all.
            scraper: Tells this scraper from others, so that its rhythm can be learned.
            budget: Most seconds to wait.

        Raises:
            UnknownTarget: There is none of this name.
        """
        workers = self._selected(selection)
        now = self._clock.monotonic()
        self._asked[selection] = now
        for worker in workers:
            worker.arrived(scraper, now)
        waits = [
            asyncio.wait_for(asyncio.wrap_future(worker.refresh()), min(budget, worker.patience(now)))
            for worker in workers
            if not worker.fresh(now)
        ]
        if waits:
            await asyncio.gather(*waits, return_exceptions=True)
        made = self._made.get(selection)
        if made is not None and made.versions == self._versions(workers):
            return made
        return await asyncio.to_thread(self._make, selection)

    def delivered(self, scraper: str, made: Page) -> None:
        """A page has reached its scraper whole."""
        self._audience.served(scraper, made.versions)

    def _selected(self, selection: Selection) -> list[Worker]:
        if selection is None:
            return list(self.workers.values())
        worker = self.workers.get(selection)
        if worker is None:
            known = ", ".join(sorted(self.workers)) or "none"
            raise UnknownTarget(f"there is no target {selection!r}", remedy=f"The targets are: {known}.")
        return [worker]

    def _versions(self, workers: Sequence[Worker]) -> dict[str, int]:
        return {
            worker.source.name: published.snapshot.version
            for worker in workers
            if (published := worker.published) is not None
        }

    def _make(self, selection: Selection) -> Page:
        workers = self._selected(selection)
        with self._making:
            made = self._made.get(selection)
            if made is not None and made.versions == self._versions(workers):
                return made
            published = {worker.source.name: worker.published for worker in workers}
            ready = {name: one for name, one in published.items() if one is not None}
            parts = [one.plain if selection is not None else one.labelled for one in ready.values()]
            body = page(parts, own=self._own() if selection is None else b"")
            made = Page(
                body=body,
                gzip=igzip.compress(body, compresslevel=1),
                versions={name: one.snapshot.version for name, one in ready.items()},
            )
            self._made[selection] = made
            return made

    def _make_beforehand(self) -> None:
        """Make pages as soon as a round of collections is over, so that a scrape finds them ready."""
        while True:
            self._fresh.wait()
            if self._stopping:
                return
            self._fresh.clear()
            until = self._clock.monotonic() + ROUND
            while self._clock.monotonic() < until and any(w.running() for w in self.workers.values()):
                self._fresh.wait(0.005)
                self._fresh.clear()
            now = self._clock.monotonic()
            for selection, asked in list(self._asked.items()):
                if now - asked < WARM_FOR:
                    self._make(selection)


class PublishingListener:
    """Tells the recorder first, then the exporter, of every collection."""

    def __init__(self, recorder: Listener) -> None:
        self._recorder = recorder
        self.exporter: Exporter | None = None

    def collected(self, source: Source, snapshot: Snapshot) -> None:
        self._recorder.collected(source, snapshot)
        if self.exporter is not None:
            self.exporter.collected()
