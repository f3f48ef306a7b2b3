"""How fast to call: token buckets, and a growing pause while nothing gets through."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0


class Bucket:
    """Allows ``rate`` calls a second on average and ``burst`` at once. Times are of a monotonic clock."""

    __slots__ = ("_burst", "_rate", "_seen", "_tokens")

    def __init__(self, *, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._seen: float | None = None

    def wait(self, now: float) -> float:
        """Seconds until a call is allowed; 0 when it is now."""
        self._fill(now)
        return 0.0 if self._tokens >= 1.0 - 1e-9 else (1.0 - self._tokens) / self._rate

    def take(self, now: float) -> None:
        """Spend one call."""
        self._fill(now)
        self._tokens -= 1.0

    def _fill(self, now: float) -> None:
        if self._seen is not None:
            self._tokens = min(self._burst, self._tokens + max(0.0, now - self._seen) * self._rate)
        self._seen = now


class Backoff:
    """A pause that doubles with each failure up to a bound, with full jitter.

    Each pause is uniform between zero and its ceiling, so that many who failed together do not come back
    together (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).

    Args:
        uniform: Draws a number between two others.
    """

    __slots__ = ("_failures", "_uniform")

    def __init__(self, *, uniform: Callable[[float, float], float]) -> None:
        self._uniform = uniform
        self._failures = 0

    def failed(self) -> float:
        """Count a failure; seconds to wait."""
        ceiling = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return self._uniform(0.0, ceiling)

    def succeeded(self) -> None:
        """Start over."""
        self._failures = 0
