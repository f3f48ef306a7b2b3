"""How many series a metric of a target may have: what is over it is left out, always the same ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.exporter.declaration import Family

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from observer.exporter.declaration import MetricDeclaration


class Bound:
    """Cuts the families of a target; a cut that was made of the same families is not made again.

    Args:
        most: Series that a metric may have.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._made: dict[MetricDeclaration, tuple[list[Family], Family]] = {}

    def cut(self, families: Sequence[Family]) -> tuple[tuple[Family, ...], dict[str, int]]:
        """The families within the bound, and how many series were left out, by metric.

        The series whose labels come first in the order of characters stay: a choice that does not depend on
        the order in which a server tells them, so that no series comes and goes by chance.
        """
        counts: dict[MetricDeclaration, int] = {}
        for family in families:
            counts[family.metric] = counts.get(family.metric, 0) + len(family.samples)
        over = {metric: count for metric, count in counts.items() if count > self._most}
        if not over:
            self._made.clear()
            return tuple(families), {}
        parts: dict[MetricDeclaration, list[Family]] = {metric: [] for metric in over}
        kept = []
        for family in families:
            if family.metric in over:
                parts[family.metric].append(family)
            else:
                kept.append(family)
        self._made = {metric: self._cut(metric, of_metric) for metric, of_metric in parts.items()}
        kept += [cut for _, cut in self._made.values()]
        return tuple(kept), {metric.name: count - self._most for metric, count in over.items()}

    def _cut(self, metric: MetricDeclaration, parts: list[Family]) -> tuple[list[Family], Family]:
        made = self._made.get(metric)
        if made is not None and _same(made[0], parts):
            return made
        samples = sorted(
            (sample for part in parts for sample in part.samples), key=lambda one: (one[1], one[0])
        )
        return parts, Family(metric, samples[: self._most])


def _same(before: list[Family], now: Iterable[Family]) -> bool:
    # Families that are held cannot be freed, so that their identity tells them from all others.
    return [id(family) for family in before] == [id(family) for family in now]
