"""Micrometer's meters as the demo keeps them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from observer.demo.workload.meters import Family, Sample, Timer, WindowedMaximum, render, timer_families

seconds = st.floats(min_value=0, max_value=20, allow_nan=False)


class HeldClock:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@given(st.lists(seconds, max_size=50))
def test_a_timer_tells_count_sum_maximum_and_buckets(durations: list[float]) -> None:
    """Buckets are cumulative and each holds what is at or below its bound."""
    timer = Timer(bounds=(0.1, 1.0), monotonic=HeldClock())
    for duration in durations:
        timer.record(duration)
    samples, maximum = timer.samples("t", ())
    by_name = {(sample.name, sample.labels): sample.value for sample in samples}
    assert by_name["t_count", ()] == len(durations)
    assert by_name["t_sum", ()] == sum(durations)
    assert maximum.value == max(durations, default=0.0)
    for bound, text in ((0.1, "0.1"), (1.0, "1.0"), (float("inf"), "+Inf")):
        assert by_name["t_bucket", (("le", text),)] == sum(duration <= bound for duration in durations)


@given(st.lists(st.tuples(st.floats(min_value=0, max_value=40), seconds), max_size=40))
def test_the_maximum_forgets_after_a_minute(steps: list[tuple[float, float]]) -> None:
    """Everything of the last 40 seconds counts, nothing older than 60 does."""
    clock = HeldClock()
    maximum = WindowedMaximum(clock)
    seen: list[tuple[float, float]] = []
    for pause, value in steps:
        clock.at += pause
        maximum.record(value)
        seen.append((clock.at, value))
        told = maximum.value()
        assert told >= max(value for at, value in seen if at >= clock.at - 40)
        assert told <= max(value for at, value in seen if at >= clock.at - 60)


def test_the_text_is_prometheus_text() -> None:
    """Prometheus's own parser reads what is rendered, with types, common labels and odd characters."""
    timer = Timer(bounds=(0.2,))
    timer.record(0.1)
    odd = 'a "b"\\\n'
    text = render(
        [
            Family("pool", "gauge", "Total", [Sample("pool", (("pool", odd),), 3)]),
            *timer_families("http_seconds", "Duration", {(("uri", "/a/{b}"),): timer}, kind="histogram"),
        ],
        common=(("application", "mealsync"),),
    )
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert {name: family.type for name, family in families.items()} == {
        "pool": "gauge",
        "http_seconds": "histogram",
        "http_seconds_max": "gauge",
    }
    assert families["pool"].samples[0].labels == {"application": "mealsync", "pool": odd}
    buckets = [sample for sample in families["http_seconds"].samples if sample.name.endswith("_bucket")]
    assert [sample.labels["le"] for sample in buckets] == ["0.2", "+Inf"]


def test_included_names_keep_only_themselves() -> None:
    """A scraper that names its metrics gets no other, and no empty family."""
    families = [
        Family("a", "gauge", "A", [Sample("a", (), 1)]),
        Family("b", "gauge", "B", [Sample("b", (), 2)]),
    ]
    assert render(families, included=frozenset({"b"})) == "# HELP b B\n# TYPE b gauge\nb{} 2.0\n"
