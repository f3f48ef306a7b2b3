"""What the stand-in is told to do wrong."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

KINDS = frozenset({"ratelimited", "http", "error", "drop_before", "drop_after", "slow", "garbage"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to fail, for the next calls of a method.

    Args:
        kind: ``ratelimited`` answers 429; ``http`` a status and HTML; ``error`` Slack's ``ok: false``;
            ``drop_before`` and ``drop_after`` end the connection before and after the call was carried out;
            ``slow`` carries it out and answers late; ``garbage`` answers 200 with HTML.

        method: The method, or ``*``.

        times: How many calls.

        retry_after: Seconds, of ``ratelimited``.

        status: Of ``http``.

        error: Of ``error``.

        seconds: Of ``slow``.
    """

    kind: str
    method: str = "*"
    times: int = 1
    retry_after: int = 1
    status: int = 503
    error: str = "internal_error"
    seconds: float = 5.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind: {self.kind!r} is none of {', '.join(sorted(KINDS))}")


class Script:
    """The faults that are still to come, in order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Add a fault after those that are there."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Behave."""
        with self._lock:
            self._faults.clear()

    def pending(self) -> list[Fault]:
        """What is still to come."""
        with self._lock:
            return list(self._faults)

    def take(self, method: str) -> Fault | None:
        """The fault for a call of ``method`` now, spent once."""
        with self._lock:
            for number, fault in enumerate(self._faults):
                if fault.method in {"*", method}:
                    if fault.times > 1:
                        self._faults[number] = replace(fault, times=fault.times - 1)
                    else:
                        del self._faults[number]
                    return fault
        return None
