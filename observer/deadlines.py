"""Deadlines: every call that can wait is told until when, and is cut off if it does not return."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from observer.errors import DeadlineExceeded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Deadline:
    """A moment on the monotonic clock by which something must be done.

    Args:
        seconds: From now.

        what: Names the work in the error, for example ``"collecting from main"``.
    """

    __slots__ = ("at", "what")

    def __init__(self, seconds: float, what: str) -> None:
        self.at = time.monotonic() + seconds
        self.what = what

    def left(self) -> float:
        """Seconds that are left, never below zero."""
        return max(0.0, self.at - time.monotonic())

    def check(self) -> float:
        """Seconds that are left.

        Raises:
            DeadlineExceeded: None are.
        """
        left = self.at - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded(f"{self.what}: no answer in time")
        return left

    def sooner(self, seconds: float) -> Deadline:
        """This deadline, or one in so many seconds when that is sooner."""
        return Deadline(min(seconds, self.left()), self.what)


@contextmanager
def cut_off(deadline: Deadline, abort: Callable[[], None]) -> Iterator[None]:
    """Call ``abort`` from another thread when the block is still running at its deadline.

    Drivers wait in C for bytes that may never come, and a time-out per read lets a server that drips one
    byte at a time hold a thread for ever. ``abort`` must make the blocked call return, for instance by
    shutting its socket down; it may run at the very moment the block ends and must bear that.
    """
    timer = threading.Timer(deadline.left(), abort)
    timer.daemon = True
    timer.name = "cut-off"
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
