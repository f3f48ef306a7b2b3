"""A user's own queries: ``queries.yaml`` as postgres_exporter reads it, and faults told by their line."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from observer.errors import ConfigurationError, Malformed
from observer.exporter.postgres.custom import files, queries_yaml
from observer.exporter.postgres.custom.costs import costly
from observer.exporter.postgres.custom.results import families
from observer.exporter.postgres.custom.versions import VersionRange

if TYPE_CHECKING:
    from pathlib import Path

    from observer.exporter.postgres.custom.entry import Entry

ORDERS = """
shop_orders:
  query: SELECT current_database() AS datname, state, n, newest FROM orders;
  cache_seconds: 30
  runonserver: ">=14.0.0"
  metrics:
    - datname: {usage: LABEL}
    - state:
        usage: "LABEL"
        description: "State of the order"
    - n: {usage: "GAUGE", description: "Orders"}
    - newest: {usage: COUNTER, description: Newest order}
"""


def entry(text: str) -> Entry:
    [only] = queries_yaml.parse(dedent(text), file="queries.yaml")
    return only


def lines(one: Entry, columns: list[str], rows: list[tuple[Any, ...]], version: int = 150018) -> list[str]:
    return [
        f"{family.metric.name}{suffix}{{{body}}} {value:g} {family.metric.type}"
        for family in families(one, columns, rows, version=version)
        for suffix, body, value in family.samples
    ]


def test_an_entry_is_read_with_its_clock_its_versions_and_its_scope() -> None:
    """Everything that postgres_exporter knows of an entry is known here."""
    orders = entry(ORDERS)
    assert orders.query.endswith(b"FROM orders")
    assert (orders.clock, orders.everywhere, orders.labels) == (30.0, True, ("datname", "state"))
    assert orders.versions.holds(140000)
    assert not orders.versions.holds(130022)
    assert [(m.name, m.type, m.help) for m in orders.declared()] == [
        ("shop_orders_n", "gauge", "Orders"),
        ("shop_orders_newest", "counter", "Newest order"),
    ]


def test_an_entry_for_the_main_database_runs_in_it_alone() -> None:
    """`master` and the want of current_database() both keep a query from being repeated in each database."""
    assert not entry(ORDERS + "  master: true").everywhere
    assert not entry("a: {query: SELECT 1 AS n, metrics: [{n: {usage: GAUGE}}]}").everywhere


def test_columns_become_what_their_usage_says() -> None:
    """Labels, counters, mapped values, durations, discarded and undeclared columns, each as upstream does."""
    one = entry("""
        x:
          query: SELECT 1
          metrics:
            - who: {usage: LABEL}
            - state: {usage: MAPPEDMETRIC, metric_mapping: {"on": 1, "off": 0}}
            - age: {usage: DURATION, description: Age}
            - secret: {usage: DISCARD}
            - total: {usage: COUNTER}
    """)
    columns = ["who", "state", "age", "secret", "total", "more", "words"]
    rows: list[tuple[Any, ...]] = [
        ("a", "on", "1h30m", "hunter2", Decimal("2.5"), 7, "never"),
        ("b", "off", dt.timedelta(seconds=2), None, None, True, "a number"),
    ]
    assert lines(one, columns, rows) == [
        'x_state{who="a"} 1 gauge',
        'x_state{who="b"} 0 gauge',
        'x_age_milliseconds{who="a"} 5.4e+06 gauge',
        'x_age_milliseconds{who="b"} 2000 gauge',
        'x_total{who="a"} 2.5 counter',
        'x_more{who="a"} 7 untyped',
        'x_more{who="b"} 1 untyped',
    ]


def test_a_histogram_is_made_of_four_columns() -> None:
    """The form of pg_process_idle in published files: arrays of bounds and counts, sum and count."""
    one = entry("""
        idle:
          query: SELECT 1
          metrics:
            - app: {usage: LABEL}
            - seconds: {usage: HISTOGRAM, description: Idle}
    """)
    columns = ["app", "seconds", "seconds_bucket", "seconds_sum", "seconds_count"]
    assert lines(one, columns, [("web", [1, 2.5], [3, 4], Decimal(9), 5)]) == [
        'idle_seconds_bucket{app="web",le="1.0"} 3 histogram',
        'idle_seconds_bucket{app="web",le="2.5"} 4 histogram',
        'idle_seconds_bucket{app="web",le="+Inf"} 5 histogram',
        'idle_seconds_sum{app="web"} 9 histogram',
        'idle_seconds_count{app="web"} 5 histogram',
    ]
    with pytest.raises(Malformed, match="no column seconds_count"):
        families(one, columns[:4], [("web", [1], [3], 9)], version=150000)


def test_rows_with_the_same_labels_never_become_two_series() -> None:
    """A double series costs the whole page: counters are added, of gauges the greatest stays."""
    columns = ["datname", "state", "n", "newest"]
    rows: list[tuple[Any, ...]] = [("app", "open", 3, 10), ("app", "open", 2, 5)]
    assert lines(entry(ORDERS), columns, rows) == [
        'shop_orders_n{datname="app",state="open"} 3 gauge',
        'shop_orders_newest{datname="app",state="open"} 15 counter',
    ]


def test_moments_are_seconds_since_the_epoch() -> None:
    """With or without a time zone, as values and as labels."""
    one = entry("a: {query: SELECT 1, metrics: [{at: {usage: GAUGE}}, {since: {usage: LABEL}}]}")
    moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    naive = moment.replace(tzinfo=None)
    assert lines(one, ["at", "since"], [(naive, moment)]) == ['a_at{since="1767225600"} 1.76723e+09 gauge']


def test_what_is_no_number_is_told_with_the_remedy() -> None:
    """A declared column must hold what it was declared as; which one does not is named."""
    one = entry("a: {query: SELECT 1, metrics: [{n: {usage: GAUGE}}]}")
    with pytest.raises(Malformed, match="column n of a holds a str that is no GAUGE") as caught:
        families(one, ["n"], [("many",)], version=150000)
    assert "LABEL or DISCARD" in caught.value.remedy
    with pytest.raises(Malformed, match="no column who"):
        families(entry("a: {query: SELECT 1, metrics: [{who: {usage: LABEL}}]}"), ["n"], [], version=150000)


@pytest.mark.parametrize(
    ("text", "version", "holds"),
    [
        (">=9.6.0", 90600, True),
        (">=9.6.0", 90524, False),
        (">= 10.0.0 <14.0.0 || >=16.0.0", 150001, False),
        (">= 10.0.0 <14.0.0 || >=16.0.0", 160001, True),
        ("!=15.18.0", 150018, False),
        ("15.x", 150000, True),
        ("<=15.2", 150002, True),
    ],
)
def test_ranges_of_versions_hold_as_upstream_reads_them(text: str, version: int, holds: bool) -> None:
    assert VersionRange.parse(text).holds(version) is holds


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: [", 1, "is not YAML"),
        ("a:\n  metrics: []", 2, "has no query"),
        ("a:\n  query: SELECT 1\n  timeout: 3", 3, "timeout is not a key"),
        ("a:\n  query: SELECT 1\n  metrics:\n    - n: {usage: GUAGE}", 4, "usage 'GUAGE' is not one"),
        ("a:\n  query: SELECT 1\n  metrics:\n    - n: {use: GAUGE}", 4, "use is not a key"),
        ("a:\n  query: SELECT 1\n  metrics: {n: GAUGE}", 3, "must be a list"),
        ("a:\n  query: SELECT 1\n  metrics:\n    - n: {usage: MAPPEDMETRIC}", 4, "needs metric_mapping"),
        ("a:\n  query: SELECT 1\n  runonserver: new", 3, "is not a comparison"),
        ("a:\n  query: SELECT 1\n  cache_seconds: often", 3, "must be a number"),
        ("a b:\n  query: SELECT 1", 2, "cannot begin the name"),
        ("a: {query: SELECT 1}\na: {query: SELECT 2}", 2, "twice"),
    ],
)
def test_a_fault_is_told_with_file_and_line(text: str, line: int, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        queries_yaml.parse(text, file="q.yaml")
    assert caught.value.sentence.startswith(f"q.yaml:{line}: ")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT calls FROM pg_stat_statements", "texts of all statements|all texts"),
        ("SELECT pg_total_relation_size(c.oid) FROM pg_class c", "sizes at every collection"),
        ("SELECT free_percent FROM pgstattuple('t')", "whole relations"),
    ],
)
def test_what_is_dear_is_warned_of(query: str, words: str) -> None:
    one = entry(f'a: {{query: "{query}", metrics: [{{n: {{usage: GAUGE}}}}]}}')
    [warning] = costly(one)
    assert pytest.approx(1) == len([w for w in words.split("|") if w in warning])


def test_what_is_cheap_is_not_warned_of() -> None:
    """Statements without texts, and sizes that are kept for minutes."""
    cheap = "SELECT calls FROM pg_stat_statements(false)"
    assert not costly(entry(f'a: {{query: "{cheap}", metrics: [{{n: {{usage: GAUGE}}}}]}}'))
    slow = "SELECT pg_database_size('app') AS n"
    assert not costly(
        entry(f'a: {{query: "{slow}", cache_seconds: 300, metrics: [{{n: {{usage: GAUGE}}}}]}}')
    )


def test_what_observer_has_itself_is_left_out_of_published_files(tmp_path: Path) -> None:
    """A page never holds a series twice; the rest of the entry stays."""
    file = tmp_path / "queries.yaml"
    file.write_text(ORDERS)
    read = files.read([file], collectors=["locks"], metrics=["shop_orders_n"])
    [orders] = read.entries
    assert [warning for warning in read.warnings if "shop_orders_n" in warning]
    columns = ["datname", "state", "n", "newest"]
    assert lines(orders, columns, [("app", "open", 3, 10)]) == [
        'shop_orders_newest{datname="app",state="open"} 10 counter'
    ]


def test_a_folder_is_read_and_every_fault_is_told_at_once(tmp_path: Path) -> None:
    """Files of both forms; what is wrong in one hides nothing of another."""
    (tmp_path / "a.sql").write_text("/*\nprefix: a_\nmetrics: {n: {gauge: N.}}\n*/\nSELECT 1")
    (tmp_path / "b.yaml").write_text(ORDERS)
    (tmp_path / "notes.txt").write_text("not read")
    read = files.read([tmp_path], collectors=[], metrics=[])
    assert [c.name for c in read.collectors] == ["a"]
    assert [e.name for e in read.entries] == ["shop_orders"]
    (tmp_path / "c.sql").write_text("SELECT 1")
    (tmp_path / "d.yml").write_text("x: {query: ''}")
    missing = tmp_path / "missing.sql"
    with pytest.raises(ConfigurationError) as caught:
        files.read([tmp_path, missing, tmp_path / "x.txt"], collectors=["a"], metrics=[])
    told = caught.value.sentence.splitlines()
    assert len(told) == 5
    for words in (
        "called a already",
        "c.sql: does not begin",
        "d.yml:1: x: has no",
        "cannot be read",
        "neither",
    ):
        assert [line for line in told if words in line], words
