"""When the sender may call Slack next: by method and channel, within Slack's rates and its pauses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.errors import Kind
from observer.slack import limits
from observer.slack.pace import Backoff, Bucket

if TYPE_CHECKING:
    from collections.abc import Callable

    from observer.clock import Clock
    from observer.slack.faults import SlackFault

POST, UPDATE, FIND = "post", "update", "find"


class Turns:
    """Waits by method; everything waits while nothing gets through.

    Args:
        uniform: Draws a number between two others, for jitter.
    """

    def __init__(self, *, clock: Clock, uniform: Callable[[float, float], float]) -> None:
        self._clock = clock
        self._backoff = Backoff(uniform=uniform)
        self._posts: dict[str, Bucket] = {}
        self._updates = Bucket(rate=limits.UPDATES_A_SECOND, burst=limits.UPDATE_BURST)
        self._paused: dict[str, float] = {}

    def wait(self, method: str, channel: str = "") -> float:
        """Seconds until it is this method's turn, in this channel for posts; not above 0 when it is now."""
        now = self._clock.monotonic()
        paused = max(self._paused.get("", 0.0), self._paused.get(method, 0.0)) - now
        bucket = self._bucket(method, channel)
        return paused if bucket is None else max(paused, bucket.wait(now))

    def take(self, method: str, channel: str = "") -> None:
        """Spend a call."""
        bucket = self._bucket(method, channel)
        if bucket is not None:
            bucket.take(self._clock.monotonic())

    def succeeded(self) -> None:
        """Something got through: nothing has to wait for that any more."""
        self._backoff.succeeded()
        self._paused.pop("", None)

    def failed(self, method: str, fault: SlackFault) -> None:
        """Wait as long as Slack asked, or longer with each failure of what concerns all calls."""
        now = self._clock.monotonic()
        if fault.retry_after is not None:
            self._paused[method] = now + fault.retry_after
        elif fault.outcome is not Kind.PERMANENT:
            # What does not get through concerns all that is to be sent, whatever it is about.
            self._paused[""] = now + self._backoff.failed()

    def _bucket(self, method: str, channel: str) -> Bucket | None:
        if method == POST:
            return self._posts.setdefault(channel, Bucket(rate=limits.POSTS_A_SECOND, burst=1.0))
        return self._updates if method == UPDATE else None
