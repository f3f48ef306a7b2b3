"""Ctrl-C and SIGTERM as an orderly end: the first one interrupts, the rest wait for the tidying up."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(BaseException):
    """Somebody asked for the end. No Exception, so that nobody takes it for a fault."""


class Ending:
    """Between `arm` and `disarm` a signal raises `Ended` in the main thread; else it is kept, or ignored."""

    def __init__(self) -> None:
        self._armed = False
        self._asked = False
        self._before: dict[signal.Signals, Any] = {}

    def arm(self) -> None:
        """From now on a signal raises.

        Raises:
            Ended: One came before.
        """
        self._armed = True
        if self._asked:
            self._armed = False
            raise Ended

    def disarm(self) -> None:
        """From now on signals are ignored: what has begun to end is not interrupted."""
        self._armed = False

    @staticmethod
    def sleep(seconds: float) -> None:
        """Wait; a signal ends it at once when armed."""
        time.sleep(seconds)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True
        if self._armed:
            self._armed = False
            raise Ended

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            # Whoever started us with a signal ignored, as nohup does, meant it.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
