"""What built indexes brought: the statements they serve, each before and after, from a report's changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A statement that built indexes serve; milliseconds of one call.

    Args:
        after: None when it was not called since.
        calls: Since.
    """

    queryid: str
    text: str
    before: float
    after: float | None
    calls: int

    @property
    def saved(self) -> float:
        """Milliseconds that its calls since would have taken more; below 0 where they took longer."""
        return 0.0 if self.after is None else (self.before - self.after) * self.calls

    @property
    def left(self) -> float:
        """The share of its time that is left: 1 when nothing is known, never above."""
        return 1.0 if self.after is None or self.before <= 0 else min(1.0, self.after / self.before)

    def factor(self) -> str:
        """How much faster or slower it is, in words."""
        if self.after is None:
            return "not called since"
        if not self.before or not self.after:
            return ""
        ratio = max(self.before, self.after) / min(self.before, self.after)
        times = f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:,.1f}"
        return f"{times} times {'faster' if self.before >= self.after else 'slower'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """Built indexes and what they serve.

    Args:
        indexes: How many stand.
        statements: Each once, the one that saves most first.
    """

    indexes: int
    statements: tuple[Served, ...]

    def sentence(self) -> str:
        """All of it in one sentence."""
        stand = "1 index was built" if self.indexes == 1 else f"{self.indexes} indexes were built"
        called = [one for one in self.statements if one.after is not None]
        if not called:
            return f"{stand}; the statements they serve were not called since"
        calls = sum(one.calls for one in called)
        before = sum(one.before * one.calls for one in called)
        after = sum((one.after or 0.0) * one.calls for one in called)
        serve = "the statement it serves takes" if len(called) == 1 else f"{len(called)} statements take"
        if after <= before:
            change = f"{_percent(1 - after / before)} less"
        else:
            change = f"{after / before - 1:.0%} more"
        return (
            f"{stand}: {serve} {change.replace('%', ' %')} time,"
            f" {milliseconds(before / calls)} → {milliseconds(after / calls)} a call"
        )


def brought(changes: Mapping[str, Any]) -> Brought | None:
    """What the changes of a report tell of built indexes; None when none was built."""
    built = changes["built"]
    if not built:
        return None
    served: dict[str, Served] = {}
    for index in built:
        for one in index["statements"]:
            served[one["queryid"]] = Served(
                queryid=one["queryid"],
                text=one["text"],
                before=one["mean_before_ms"],
                after=one["mean_after_ms"],
                calls=one["calls_after"],
            )
    order = sorted(served.values(), key=lambda one: (one.after is None, -one.saved, one.queryid))
    return Brought(indexes=len(built), statements=tuple(order))


def _percent(share: float) -> str:
    """A share that is never rounded up to all of it."""
    if share <= 0.99:
        return f"{share:.0%}"
    return f"{share:.1%}" if share < 0.9995 else "over 99.9%"


def milliseconds(value: float | None) -> str:
    """A time of one call, with three digits."""
    if value is None:
        return "-"
    if value >= 1000:
        return f"{value / 1000:,.3g} s"
    if value >= 1:
        return f"{value:.3g} ms"
    return f"{value:.2g} ms" if value >= 0.01 else "< 0.01 ms"
