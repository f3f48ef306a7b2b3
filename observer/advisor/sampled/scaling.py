"""From costs on a sample to costs at the full size: a straight line through two samples of unlike size.

The planner's cost of a scan, a filter, a sort of few rows and an index lookup grows with the rows of the
table as ``fixed + per_row * rows``: the fixed part is the descent of an index and what is read of tables that
were
copied whole. Two samples give the two unknowns, and the line is read at the full size. Because both lines,
with the
index and without, bend in the same way where a plan is not quite linear, only their quotient is used: it is
laid on
the cost that the watched server itself gives for the statement.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """What was found at one size of the sample.

    Args:
        share: Of the table's rows, above 0 and at most 1.

        without: Planner cost without the index.

        within: Planner cost with it.

        used: Whether the planner read the index.

        size: Bytes of the index.
    """

    share: float
    without: float
    within: float
    used: bool
    size: int


@dataclass(frozen=True, slots=True)
class Scaled:
    """What follows for the whole table.

    Args:
        left: Cost with the index as a part of the cost without it, 0 to 1.

        size: Bytes of the index.

        how: The way it was computed, in words.
    """

    left: float
    size: int
    how: str


def scaled(small: Point, large: Point) -> Scaled | None:
    """The effect at the full size; None when the planner did not want the index on the larger sample.

    Where the smaller sample was too small for the index to pay, the larger one's quotient stands as it is,
    which understates the gain.
    """
    if not large.used or large.without <= 0:
        return None
    quotient = large.within / large.without
    size = max(large.size, round(_line(small.share, small.size, large.share, large.size)))
    if large.share >= 1:
        return Scaled(min(1.0, quotient), large.size, "on a copy of all rows")
    if not small.used or small.share >= large.share:
        how = f"on a sample of {large.share:.1%} of the rows, not scaled: on a smaller one it did not pay"
        return Scaled(min(1.0, quotient), size, how)
    without = _line(small.share, small.without, large.share, large.without)
    within = _line(small.share, small.within, large.share, large.within)
    # A line through noise may cross: no more than ten times what the larger sample shows is claimed.
    left = max(within, 0.0) / without if without > 0 else quotient
    left = min(1.0, max(left, quotient / 10))
    how = (
        f"scaled from samples of {small.share:.1%} and {large.share:.1%} of the rows:"
        " cost = fixed + slope * rows, read at all rows"
    )
    return Scaled(left, size, how)


def _line(share: float, value: float, larger_share: float, larger_value: float) -> float:
    """The value at a share of 1 of the straight line through two points."""
    if larger_share <= share:
        return larger_value
    slope = (larger_value - value) / (larger_share - share)
    return larger_value + slope * (1 - larger_share)
