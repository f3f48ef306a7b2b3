"""Collections of configured targets in this very process: settings in, a page and the faults out."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from observer.app.assembly import build_sources
from observer.config.model import Settings
from observer.deadlines import Deadline, cut_off
from observer.exporter.exposition import page, render
from observer.exporter.snapshot import CollectionOrder
from tests.conditions import wait_for
from tests.serving import Page

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from observer.exporter.snapshot import Fault, Reading


@dataclass(frozen=True)
class Seen:
    """What one collection of a target brought."""

    reading: Reading
    page: Page
    faults: dict[str, Fault]
    """By collector; empty for the whole target."""


class Collecting:
    """The sources of some settings; a context manager that closes them.

    Args:
        settings: As in the file.
        seconds: The deadline of a collection.
    """

    def __init__(self, settings: dict[str, Any], *, seconds: float = 10.0) -> None:
        self._sources = {source.name: source for source in build_sources(Settings.model_validate(settings))}
        self._seconds = seconds
        self._version = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.ExitStack() as stack:
            for source in self._sources.values():
                stack.callback(source.close)

    def collect(self, target: str, *, now: float | None = None) -> Seen:
        """Collect once.

        Args:
            target: Its name.
            now: What the monotonic clock shows, for what has a slow clock.
        """
        self._version += 1
        source, deadline = self._sources[target], Deadline(self._seconds, f"collecting from {target}")
        order = CollectionOrder(
            self._version, self._version, time.monotonic() if now is None else now, deadline
        )
        with cut_off(deadline, source.abort):
            reading = source.collect(order)
        families = [*reading.always, *(f for outcome in reading.outcomes for f in outcome.families or ())]
        faults = {outcome.collector: outcome.fault for outcome in reading.outcomes if outcome.fault}
        if reading.fault is not None:
            faults[""] = reading.fault
        return Seen(reading, Page(page([render(families)]).decode()), faults)

    def until(self, target: str, condition: Callable[[Seen], bool], what: str) -> Seen:
        """The first collection for which a condition holds."""
        seen: list[Seen] = []

        def holds() -> bool:
            seen.append(self.collect(target))
            return condition(seen[-1])

        wait_for(holds, what, seconds=40)
        return seen[-1]
