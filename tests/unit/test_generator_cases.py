"""Cases: series told in words become promtool's notation, sample for sample."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observer.generator.cases import Timeline
from observer.generator.durations import seconds_of, text_of
from observer.generator.faults import ExpressionError


def expanded(notation: str) -> list[float | None]:
    """Promtool's notation, written out."""
    samples: list[float | None] = []
    for part in notation.split():
        if part == "stale":
            samples.append(None)
            continue
        head, _, times = part.rpartition("x")
        if head == "_":
            samples += [None] * int(times)
            continue
        match = re.fullmatch(r"(-?[\d.e]+?)([+-][\d.e]+)?", head)
        assert match is not None, part
        samples += [float(match[1]) + float(match[2] or 0) * at for at in range(int(times) + 1)]
    return samples


@pytest.mark.parametrize(
    ("text", "samples"),
    [
        ("1", [1, 1, 1, 1, 1, 1, 1]),
        ("1 for 30s, 0", [1, 1, 0, 0, 0, 0, 0]),
        ("1 for 1s, 0", [1, 0, 0, 0, 0, 0, 0]),
        ("absent for 30s, 2", [None, None, 2, 2, 2, 2, 2]),
        ("1 for 30s, absent for 30s, 3", [1, 1, None, None, 3, 3, 3]),
        ("+2/s for 45s, +0/s", [30, 60, 90, 90, 90, 90, 90]),
        ("100 for 15s, +1/s", [100, 115, 130, 145, 160, 175, 190]),
    ],
)
def test_words_become_samples(text: str, samples: list[float | None]) -> None:
    """Constant, growing from where it stood, and absent: one sample per interval up to the end."""
    assert expanded(Timeline(text).notation(interval=15, until=90)) == samples


@given(
    st.lists(
        st.tuples(st.sampled_from(["1", "0.5", "+3/s", "absent"]), st.integers(1, 4000)),
        min_size=0,
        max_size=5,
    ),
    st.sampled_from([1.0, 5.0, 15.0, 60.0]),
)
def test_every_series_reaches_the_end(parts: list[tuple[str, int]], interval: float) -> None:
    """However it is cut, a timeline has exactly one sample per interval from zero to the end."""
    text = ", ".join([*(f"{what} for {seconds}s" for what, seconds in parts), "7"])
    timeline = Timeline(text)
    steps = int(timeline.lead // interval) + 3
    assert len(expanded(timeline.notation(interval=interval, until=steps * interval))) == steps + 1


@pytest.mark.parametrize("text", ["", "1 for 5m", "1 for 5m, often", "absent/s", "1, 2", "1 for ever, 2"])
def test_what_is_no_timeline_is_refused(text: str) -> None:
    """The error shows how segments are written."""
    with pytest.raises(ExpressionError):
        Timeline(text)


@given(st.integers(0, 10**10))
def test_durations_survive_being_written(milliseconds: int) -> None:
    """What is written is read back, to the millisecond."""
    assert round(seconds_of(text_of(milliseconds / 1000)) * 1000) == milliseconds


@pytest.mark.parametrize("text", ["5", "5 m", "m5", "1s1h", "-1m", ""])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """As Prometheus refuses it."""
    with pytest.raises(ValueError, match="not a duration"):
        seconds_of(text)
