"""Who has seen which snapshot: a counter may count in a new series only after its 0 was scraped."""

from __future__ import annotations

import threading

REMEMBERED = 256
"""Scrapers whose pages are remembered."""


class Audience:
    """Which version of each target's snapshot each scraper has been served. Safe to use from any thread."""

    def __init__(self) -> None:
        self._served: dict[str, dict[str, int]] = {}
        self._lock = threading.Lock()

    def served(self, scraper: str, versions: dict[str, int]) -> None:
        """A page with these versions of targets has reached a scraper whole."""
        with self._lock:
            # At the end: who was served longest ago is forgotten first, not who has come longest.
            seen = self._served[scraper] = self._served.pop(scraper, {})
            for target, version in versions.items():
                seen[target] = max(version, seen.get(target, 0))
            if len(self._served) > REMEMBERED:
                self._served.pop(next(iter(self._served)))

    def seen(self, target: str, regulars: list[str]) -> int:
        """The newest version of a target that every regular scraper has seen; without regulars, anybody.

        A scraper that never asked for this target does not count. 0 when nobody has seen any.
        """
        with self._lock:
            by_regulars = [
                seen[target]
                for scraper in regulars
                if (seen := self._served.get(scraper)) is not None and target in seen
            ]
            if by_regulars:
                return min(by_regulars)
            return max((seen.get(target, 0) for seen in self._served.values()), default=0)
