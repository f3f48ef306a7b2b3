"""Meters as Micrometer keeps them: timers with a maximum that decays, and their Prometheus text."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Labels = tuple[tuple[str, str], ...]
Kind = Literal["gauge", "counter", "summary", "histogram"]

# Micrometer's TimeWindowMax: with a step of one minute and three buffers, each counts for 20 seconds.
_WINDOWS = 3
_WINDOW_SECONDS = 20.0


class WindowedMaximum:
    """The greatest value of about the last minute."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._windows = [0.0] * _WINDOWS
        self._current = int(monotonic() // _WINDOW_SECONDS)

    def record(self, value: float) -> None:
        self._rotate()
        slot = self._current % _WINDOWS
        self._windows[slot] = max(self._windows[slot], value)

    def value(self) -> float:
        self._rotate()
        return max(self._windows)

    def _rotate(self) -> None:
        now = int(self._monotonic() // _WINDOW_SECONDS)
        for window in range(max(self._current + 1, now - _WINDOWS + 1), now + 1):
            self._windows[window % _WINDOWS] = 0.0
        self._current = now


class Timer:
    """Durations in seconds: how many, their sum, their recent maximum, and how many lie below each bound."""

    def __init__(
        self, *, bounds: Sequence[float] = (), monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._lock = threading.Lock()
        self._bounds = tuple(bounds)
        self._below = [0] * len(self._bounds)
        self._count = 0
        self._sum = 0.0
        self._maximum = WindowedMaximum(monotonic)

    def record(self, seconds: float) -> None:
        with self._lock:
            self._count += 1
            self._sum += seconds
            self._maximum.record(seconds)
            for position, bound in enumerate(self._bounds):
                if seconds <= bound:
                    self._below[position] += 1

    def samples(self, name: str, labels: Labels) -> tuple[list[Sample], Sample]:
        """The samples of the summary or histogram, and that of the maximum, all of one moment."""
        with self._lock:
            maximum = Sample(f"{name}_max", labels, self._maximum.value())
            samples = [
                Sample(f"{name}_bucket", (*labels, ("le", _number(bound))), below)
                for bound, below in zip(self._bounds, self._below, strict=True)
            ]
            if self._bounds:
                samples.append(Sample(f"{name}_bucket", (*labels, ("le", "+Inf")), self._count))
            samples.append(Sample(f"{name}_count", labels, self._count))
            samples.append(Sample(f"{name}_sum", labels, self._sum))
        return samples, maximum


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of the text."""

    name: str
    labels: Labels
    value: float


@dataclass(frozen=True, slots=True)
class Family:
    """One name with its help, its type and its samples."""

    name: str
    kind: Kind
    help: str
    samples: Sequence[Sample] = field(default_factory=tuple)


def timer_families(name: str, help_text: str, timers: Mapping[Labels, Timer], *, kind: Kind) -> list[Family]:
    """What Micrometer makes of a timer: a summary or histogram, and a gauge beside it for the maximum."""
    samples: list[Sample] = []
    maxima: list[Sample] = []
    for labels, timer in timers.items():
        of_timer, maximum = timer.samples(name, labels)
        samples += of_timer
        maxima.append(maximum)
    return [Family(name, kind, help_text, samples), Family(f"{name}_max", "gauge", help_text, maxima)]


def render(families: Iterable[Family], *, common: Labels = (), included: frozenset[str] | None = None) -> str:
    """Prometheus text format 0.0.4.

    Args:
        families: In the order wanted.

        common: Labels that every sample carries, first.

        included: Names of samples to keep, as Spring Boot's ``includedNames`` does; ``None`` keeps all.
    """
    lines: list[str] = []
    for family in families:
        samples = [sample for sample in family.samples if included is None or sample.name in included]
        if not samples:
            continue
        lines.append(f"# HELP {family.name} {family.help}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        for sample in samples:
            labels = ",".join(f'{name}="{_escape(value)}"' for name, value in (*common, *sample.labels))
            lines.append(f"{sample.name}{{{labels}}} {_number(sample.value)}")
    return "".join(f"{line}\n" for line in lines)


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return repr(float(value))
