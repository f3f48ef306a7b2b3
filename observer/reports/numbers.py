"""The numbers of a snapshot, to be asked for by name and label."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from observer.exporter.declaration import Family

_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPED = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}


class Numbers:
    """The families of a snapshot, by name."""

    def __init__(self, families: Iterable[Family]) -> None:
        # One metric has several families where several databases of a server are read.
        self._samples: dict[str, list[tuple[str, str, float]]] = defaultdict(list)
        for family in families:
            self._samples[family.metric.name] += family.samples

    def of(self, name: str, *labels: str) -> list[tuple[str, float]]:
        """Labels and values of a metric's series that have all these labels, each as ``name="value"``."""
        return [
            (body, value)
            for _, body, value in self._samples.get(name, ())
            if not math.isnan(value) and all(label in body for label in labels)
        ]

    def total(self, name: str, *labels: str) -> float | None:
        """Their sum; None where there is none."""
        found = self.of(name, *labels)
        return sum(value for _, value in found) if found else None

    def most(self, name: str, *labels: str) -> tuple[dict[str, str], float]:
        """The greatest with its labels; 0 where there is none."""
        found = self.of(name, *labels)
        if not found:
            return {}, 0.0
        body, value = max(found, key=lambda one: one[1])
        return read_labels(body), value


def read_labels(body: str) -> dict[str, str]:
    """Labels as they stand between the braces, as values."""
    return {
        name: re.sub(r"\\.", lambda found: _ESCAPED.get(found[0], found[0]), text)
        for name, text in _LABEL.findall(body)
    }
