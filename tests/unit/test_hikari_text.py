"""The text format as a service's page has it: the same meaning as the library reads in it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from observer.errors import Malformed
from observer.exporter.declaration import label_body
from observer.exporter.exposition import number, render
from observer.exporter.hikari.page import asked_names, passed_families, pool_families
from observer.exporter.hikari.text import families

SPRING = """\
# HELP http_server_requests_seconds Duration of HTTP "requests"
# TYPE http_server_requests_seconds histogram
http_server_requests_seconds_bucket{method="GET",uri="/api/{id}",le="0.005"} 3
http_server_requests_seconds_bucket{method="GET",uri="/api/{id}",le="+Inf"} 4
http_server_requests_seconds_count{method="GET",uri="/api/{id}"} 4
http_server_requests_seconds_sum{method="GET",uri="/api/{id}"} 0.25
# HELP http_server_requests_seconds_max Duration of HTTP requests
# TYPE http_server_requests_seconds_max gauge
http_server_requests_seconds_max{method="GET",uri="/api/{id}"} 0.125
# HELP jvm_gc_pause_seconds Time spent in GC pause
# TYPE jvm_gc_pause_seconds summary
jvm_gc_pause_seconds_count{cause="Metadata GC Threshold"} 2
jvm_gc_pause_seconds_sum{cause="Metadata GC Threshold"} 0.05
# HELP process_start_time_seconds Start time
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1.7E9
# HELP process_uptime_seconds Uptime
# TYPE process_uptime_seconds gauge
process_uptime_seconds{application="meals"} 12.5
# HELP logback_events_total Number of log events
# TYPE logback_events_total counter
logback_events_total{level="warn"} 7.0
"""

VALUES = st.one_of(
    st.integers(-(2**60), 2**60),
    st.floats(allow_nan=False),
    st.just(math.nan),
)
LABELS = st.dictionaries(
    st.sampled_from(["pool", "application", "uri", "le2"]),
    st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00\r"), max_size=12),
    max_size=3,
)


@settings(deadline=None)
@given(st.lists(st.tuples(LABELS, VALUES), min_size=1, max_size=6))
def test_samples_are_read_as_the_library_reads_them(samples: list[tuple[dict[str, str], float]]) -> None:
    """Labels with any characters and numbers of any size mean the same to both."""
    lines = ["# TYPE some_gauge gauge"]
    lines += [f"some_gauge{{{label_body(labels, labels.values())}}} {number(v)}" for labels, v in samples]
    text = "".join(f"{line}\n" for line in lines)
    [theirs] = text_string_to_metric_families(text)
    [ours] = families(text, lambda _: True)
    again = "".join(f"some_gauge{{{body}}} {number(value)}\n" for _, body, value in ours.samples)
    [reread] = text_string_to_metric_families(f"# TYPE some_gauge gauge\n{again}")
    assert [s.labels for s in reread.samples] == [s.labels for s in theirs.samples]
    # 0.0 is added because the page writes -0.0 as 0, which it equals.
    assert [repr(s.value + 0.0) for s in reread.samples] == [repr(s.value + 0.0) for s in theirs.samples]


def test_only_what_fits_a_pattern_is_passed_on() -> None:
    """Type, help and buckets stay as they are; what nobody asked for stays away."""
    page = render(passed_families(SPRING, ["http_server_requests_seconds*", "jvm_*"]))
    text = b"".join(page.values()).decode()
    assert {metric.name: metric.type for metric in page} == {
        "http_server_requests_seconds": "histogram",
        "http_server_requests_seconds_max": "gauge",
        "jvm_gc_pause_seconds": "summary",
    }
    lines = [line for line in SPRING.splitlines() if line.startswith(("http_", "jvm_"))]
    assert text.splitlines() == lines
    assert next(iter(page)).help == 'Duration of HTTP "requests"'


def test_nothing_is_passed_on_that_would_be_taken_for_observers_own() -> None:
    """Observer tells of its own process under the names that every process has."""
    names = {family.metric.name for family in passed_families(SPRING + "pg_up 0\nobserver_x 1\n", ["*"])}
    assert "process_uptime_seconds" in names
    assert names.isdisjoint({"process_start_time_seconds", "pg_up", "observer_x"})


def test_labels_that_observer_adds_are_renamed() -> None:
    """Two labels of one name would cost the whole page."""
    text = '# TYPE hikaricp_connections gauge\nhikaricp_connections{pool="a",replica="x",target="y"} 1\n'
    [family] = pool_families(text)
    assert family.samples[0][1] == 'pool="a",exported_replica="x",exported_target="y"'


@pytest.mark.parametrize("line", ["jvm_x{a=1} 2", 'jvm_x{a="1} 2', "jvm_x", "jvm_x two", 'jvm_x{a="\\q"} 1'])
def test_a_broken_line_that_was_asked_for_is_told(line: str) -> None:
    """It would break Observer's page."""
    with pytest.raises(Malformed, match="text format"):
        passed_families(f"# TYPE jvm_x gauge\n{line}\n", ["jvm_*"])
    assert passed_families(f"{line}\n", ["http_*"]) == []


def test_the_filter_knows_the_names_of_old_and_new() -> None:
    """Spring Boot compares families since 3.3, samples before; both spellings of HikariCP are asked for."""
    names = set(asked_names())
    assert {
        "hikaricp_connections_timeout",
        "hikaricp_connections_timeout_total",
        "hikaricp_connections_acquire_seconds",
        "hikaricp_connections_acquire_seconds_count",
        "hikaricp_connections_acquire_seconds_max",
        "hikaricp_pending_threads",
        "jdbc_connections_max",
    } <= names
    assert len(",".join(names)) < 3000, "a URL must stay short enough for every server"
