"""A job as a value, and one run of it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from observer.errors import Kind, ObserverError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Interrupted(ObserverError):  # noqa: N818 - reads as a state wherever it is shown
    """Observer was ended while a job ran."""

    code = "interrupted"
    kind = Kind.RETRYABLE


class RunStop:
    """Tells everything that is under way to end, from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = threading.Event()
        self._abort: list[Callable[[], None]] = []

    @property
    def asked(self) -> bool:
        """Whether all shall end."""
        return self._asked.is_set()

    def ask(self) -> None:
        """Abort what is under way, and everything that would begin later."""
        with self._lock:
            self._asked.set()
            under_way = tuple(self._abort)
        for abort in under_way:
            abort()

    @contextmanager
    def aborts(self, abort: Callable[[], None]) -> Iterator[None]:
        """Have ``abort`` called when the block shall end early.

        Raises:
            Interrupted: That was asked for before.
        """
        with self._lock:
            if self._asked.is_set():
                raise Interrupted("Observer is being ended")
            self._abort.append(abort)
        try:
            yield
        finally:
            with self._lock:
                self._abort.remove(abort)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a job.

    Args:
        tick: When it was due, in seconds since the epoch.

        say: Told in one line each how it goes.
    """

    tick: int
    stop: RunStop
    say: Callable[[str], None] = field(default=lambda _: None)


@dataclass(frozen=True, slots=True)
class Done:
    """How a run went.

    Args:
        sentence: What it did.

        fault: What a person must mend although there is a result.
    """

    sentence: str
    fault: ObserverError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work that is due at every multiple of an interval.

    Args:
        name: Of the kind of job, such as ``index-advice``.

        target: What it is about; empty when it is about Observer itself.

        interval: Whole seconds.

        work: Does it, and says what it did.

        delay: Seconds to wait before the first run ever.

        patience: Seconds after which a run without an outcome is taken for dead.

        pool: ``children`` run one at a time, ``short`` a few at once.
    """

    name: str
    target: str
    interval: int
    work: Callable[[Run], Done]
    delay: float = 0.0
    patience: float = 60.0
    pool: Literal["short", "children"] = "short"

    @property
    def key(self) -> str:
        """Its name in the store: the same in every instance."""
        return f"{self.name}:{self.target}" if self.target else self.name
