"""Pool metrics out of pages as Micrometer and HikariCP's own tracker write them."""

from __future__ import annotations

import pytest

from observer.errors import Malformed
from observer.exporter.hikari.page import declared, pool_families

MICROMETER = """\
# HELP jvm_threads_live_threads The current number of live threads
# TYPE jvm_threads_live_threads gauge
jvm_threads_live_threads 42.0
# HELP hikaricp_connections Total connections
# TYPE hikaricp_connections gauge
hikaricp_connections{application="meals",pool="HikariPool-1",} 10.0
# HELP hikaricp_connections_active Active connections
# TYPE hikaricp_connections_active gauge
hikaricp_connections_active{application="meals",pool="HikariPool-1",} 3.0
# HELP hikaricp_connections_timeout_total Connection timeout total count
# TYPE hikaricp_connections_timeout_total counter
hikaricp_connections_timeout_total{application="meals",pool="HikariPool-1",} 7.0
# HELP hikaricp_connections_acquire_seconds Connection acquire time
# TYPE hikaricp_connections_acquire_seconds summary
hikaricp_connections_acquire_seconds_count{application="meals",pool="HikariPool-1",} 120.0
hikaricp_connections_acquire_seconds_sum{application="meals",pool="HikariPool-1",} 0.25
# HELP hikaricp_connections_acquire_seconds_max Connection acquire time
# TYPE hikaricp_connections_acquire_seconds_max gauge
hikaricp_connections_acquire_seconds_max{application="meals",pool="HikariPool-1",} 0.01
http_server_requests_seconds_count{uri="/broken line
"""

DROPWIZARD = """\
# HELP hikaricp_active_connections Active connections
# TYPE hikaricp_active_connections gauge
hikaricp_active_connections{pool="main"} 4.0
# TYPE hikaricp_pending_threads gauge
hikaricp_pending_threads{pool="main"} 2.0
# TYPE hikaricp_connection_timeout_total counter
hikaricp_connection_timeout_total{pool="main"} 1.0
# TYPE hikaricp_connection_acquired_nanos summary
hikaricp_connection_acquired_nanos{pool="main",quantile="0.95"} 2000000.0
hikaricp_connection_acquired_nanos_count{pool="main"} 10.0
hikaricp_connection_acquired_nanos_sum{pool="main"} 5000000.0
# TYPE hikaricp_connection_usage_millis summary
hikaricp_connection_usage_millis_count{pool="main"} 10.0
hikaricp_connection_usage_millis_sum{pool="main"} 1500.0
"""

HISTOGRAM = """\
# TYPE hikaricp_connections_usage_seconds histogram
hikaricp_connections_usage_seconds_bucket{pool="main",le="0.1"} 5.0
hikaricp_connections_usage_seconds_bucket{pool="main",le="+Inf"} 6.0
hikaricp_connections_usage_seconds_count{pool="main"} 6.0
hikaricp_connections_usage_seconds_sum{pool="main"} 0.75
"""


def read(text: str) -> dict[str, float]:
    return {
        f"{family.metric.name}{suffix}{{{body}}}": value
        for family in pool_families(text)
        for suffix, body, value in family.samples
    }


def test_micrometers_page() -> None:
    """Names and labels stay; all else on the page, broken or not, is none of our business."""
    labels = '{application="meals",pool="HikariPool-1"}'
    assert read(MICROMETER) == {
        f"hikaricp_connections{labels}": 10,
        f"hikaricp_connections_active{labels}": 3,
        f"hikaricp_connections_timeout_total{labels}": 7,
        f"hikaricp_connections_acquire_seconds_count{labels}": 120,
        f"hikaricp_connections_acquire_seconds_sum{labels}": 0.25,
        f"hikaricp_connections_acquire_seconds_max{labels}": 0.01,
    }


def test_the_trackers_page() -> None:
    """Its names and units become Micrometer's; counts have no unit."""
    assert read(DROPWIZARD) == pytest.approx(
        {
            'hikaricp_connections_active{pool="main"}': 4,
            'hikaricp_connections_pending{pool="main"}': 2,
            'hikaricp_connections_timeout_total{pool="main"}': 1,
            'hikaricp_connections_acquire_seconds{pool="main",quantile="0.95"}': 0.002,
            'hikaricp_connections_acquire_seconds_count{pool="main"}': 10,
            'hikaricp_connections_acquire_seconds_sum{pool="main"}': 0.005,
            'hikaricp_connections_usage_seconds_count{pool="main"}': 10,
            'hikaricp_connections_usage_seconds_sum{pool="main"}': 1.5,
        }
    )


def test_histograms_stay_histograms() -> None:
    """Whoever switched percentiles on gets the buckets."""
    [family] = pool_families(HISTOGRAM)
    assert family.metric.type == "histogram"
    assert ("_bucket", 'pool="main",le="0.1"', 5) in [tuple(sample) for sample in family.samples]


def test_pools_may_have_any_name() -> None:
    """Separators that only Unicode knows do not part lines."""
    values = read('# TYPE hikaricp_connections gauge\nhikaricp_connections{pool="a\u2028b\x85c"} 1.0\r\n')
    assert values == {'hikaricp_connections{pool="a\u2028b\x85c"}': 1}


def test_a_broken_line_of_a_pool_is_told() -> None:
    """It is the page that is wrong, not Observer."""
    with pytest.raises(Malformed, match="Prometheus text format"):
        pool_families("# TYPE hikaricp_connections gauge\nhikaricp_connections{pool= 1\n")


def test_a_page_without_pools_has_none() -> None:
    """No pool is no error here; the source says what to do about it."""
    assert pool_families("") == []
    assert pool_families("jvm_threads_live_threads 42.0\n") == []


def test_everything_that_is_emitted_is_declared() -> None:
    """Names and types; a histogram stands where a summary is declared."""
    known = {metric.name: metric for metric in declared()}
    for page in (MICROMETER, DROPWIZARD):
        for family in pool_families(page):
            assert known[family.metric.name] == family.metric
