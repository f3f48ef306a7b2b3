"""A collector that is one .sql file: what its header says, and what is said of a wrong one."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from observer.errors import ConfigurationError
from observer.exporter.postgres.sqlfile import parse

HEADER = """
prefix: pg_locks_
labels: [datname, mode]
metrics:
  count: {gauge: Number of locks.}
  waits_total: {counter: Waits.}
"""


def sql(header: str) -> str:
    return f"/*{header}*/\nSELECT 1"


def test_a_header_declares_what_the_columns_are() -> None:
    """Names, types, labels, collector, clock and versions."""
    collector = parse(sql(HEADER + "clock: sizes\nrequires: {server: '>=140000, <170000'}\n"), name="locks")
    assert collector.query == b"SELECT 1"
    assert [(m.name, m.type, m.labels, m.collector) for m in collector.metrics] == [
        ("pg_locks_count", "gauge", ("datname", "mode"), "locks"),
        ("pg_locks_waits_total", "counter", ("datname", "mode"), "locks"),
    ]
    assert collector.clock == "sizes"
    fits = [
        collector.requires.met(version=version, standby=False) for version in (139999, 140000, 169999, 170000)
    ]
    assert fits == [False, True, True, False]
    assert (collector.scope, collector.enabled, collector.by_name) == ("server", True, False)


def test_a_header_says_where_when_and_whether_it_runs() -> None:
    """In every database, at an interval of its own, on one role only, with an extension, when asked for."""
    collector = parse(
        sql(
            HEADER + "scope: database\nclock: 90s\nenabled: false\n"
            "requires: {extension: 'pg_buffercache>=1.4,<2', role: standby}\n"
        ),
        name="locks",
    )
    assert (collector.scope, collector.clock, collector.enabled) == ("database", 90.0, False)
    assert collector.requires.met(version=150000, standby=True)
    assert not collector.requires.met(version=150000, standby=False)
    for version, there in (((1, 3), False), ((1, 4), True), ((1, 10), True), ((2, 0), False)):
        assert collector.requires.has_extension({"pg_buffercache": ("public", version)}) == there
    assert not collector.requires.has_extension({"other": ("public", (1, 4))})


def test_an_extension_is_found_in_whatever_schema_it_is() -> None:
    """Its schema stands in the query under a name of its own; that is quoted."""
    collector = parse(
        f"/*{HEADER}requires: {{extension: x}}*/SELECT 1 FROM extension.pages(), pg_extension", name="x"
    )
    assert collector.statement('Odd"one') == b'SELECT 1 FROM "Odd""one".pages(), pg_extension'


BY_NAME = """
columns: by name
prefix: pg_stat_x_
labels: [datname]
metrics:
  calls_total: {counter: Calls., column: calls}
  seconds_total: {counter: Seconds., column: time, scale: 0.001}
  newer: {gauge: What only newer servers have.}
  reset: {gauge: When.}
"""


def test_columns_are_found_by_name() -> None:
    """In whatever order they come; one that the server does not have is no sample, one more is nothing."""
    collector = parse(sql(BY_NAME), name="x")
    rows = [(1500.0, datetime(1970, 1, 2, tzinfo=UTC), "app", Decimal(7), "more")]
    families = collector.families(rows, ("time", "reset", "datname", "calls", "unknown"))
    assert {family.metric.name: list(family.samples) for family in families} == {
        "pg_stat_x_calls_total": [("", 'datname="app"', 7)],
        "pg_stat_x_seconds_total": [("", 'datname="app"', 1.5)],
        "pg_stat_x_newer": [],
        "pg_stat_x_reset": [("", 'datname="app"', 86400.0)],
    }


def test_rows_become_samples() -> None:
    """NULL is no sample; of rows with the same labels counters are added and the greatest gauge is taken."""
    collector = parse(sql(HEADER), name="locks")
    rows = [("app", "x", 1, 10), ("app", "x", 3, None), ("app", "x", 2, 5), (None, 'q"', None, 1)]
    count, waits = collector.families(rows)
    assert list(count.samples) == [("", 'datname="app",mode="x"', 3)]
    assert list(waits.samples) == [
        ("", 'datname="app",mode="x"', 15),
        ("", 'datname="",mode="q\\""', 1),
    ]


def test_an_array_of_observations_becomes_a_histogram() -> None:
    """Buckets count what lies at or below their bounds; rows with the same labels are one distribution."""
    header = "prefix: pg_idle_\nlabels: [state]\nmetrics: {seconds: {histogram: Idle., buckets: [1, 2.5]}}\n"
    collector = parse(sql(header), name="idle")
    [seconds] = collector.families([("idle", [0.5, 2.5, 9.0]), ("idle", [1.0]), ("none", None)])
    assert seconds.metric.type == "histogram"
    assert list(seconds.samples) == [
        ("_bucket", 'state="idle",le="1"', 2),
        ("_bucket", 'state="idle",le="2.5"', 3),
        ("_bucket", 'state="idle",le="+Inf"', 4),
        ("_sum", 'state="idle"', 13.0),
        ("_count", 'state="idle"', 4),
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("SELECT 1", "does not begin with a header"),
        ("/* a: [ */ SELECT 1", "its header is not YAML"),
        (sql("prefix: a\n"), "lacks the key metrics"),
        (sql(HEADER + "colour: red\n"), "colour"),
        (sql(" just words "), "must be a mapping"),
        (sql(" 5 "), "must be a mapping"),
        (sql(""), "must be a mapping"),
        (sql("prefix: a\nmetrics: [count]\n"), "metrics must be a mapping"),
        (sql("prefix: a\nmetrics: {count: 5}\n"), "acount must be declared as {gauge: what it is}"),
        (sql("prefix: a\nmetrics: {count: {guage: x}}\n"), "acount must be declared"),
        (sql("prefix: a\nmetrics: {count: {histogram: x}}\n"), "acount must be declared"),
        (sql("prefix: a\nmetrics: {count: {gauge: x, buckets: [1]}}\n"), "acount must be declared"),
        (sql("prefix: a\nmetrics: {count: {histogram: x, buckets: [2, 1]}}\n"), "acount must be declared"),
        (sql("prefix: a\nlabels: datname\nmetrics: {c: {gauge: x}}\n"), "labels must be a list"),
        (sql(HEADER + "requires: '>=140000'\n"), "requires is not a mapping"),
        (sql(HEADER + "requires: {server: 14}\n"), "requires.server must be like"),
        (sql(HEADER + "requires: {server: '>=14'}\n"), "requires.server must be like"),
        (sql(HEADER + "requires: {version: 14}\n"), "requires has the key version"),
        (sql(HEADER + "requires: {role: replica}\n"), "requires.role is 'replica'"),
        (sql(HEADER + "requires: {extension: '>=1.4'}\n"), "requires.extension is '>=1.4'"),
        (sql(HEADER + "clock: weekly\n"), "there is no clock 'weekly'"),
        (sql(HEADER + "clock: 90\n"), "there is no clock 90"),
        (sql(HEADER + "clock: 0s\n"), "there is no clock '0s'"),
        (sql(HEADER + "scope: cluster\n"), "scope is 'cluster'"),
        (sql(HEADER.replace("datname, ", "") + "scope: database\n"), "labels lacks datname"),
        (sql(HEADER + "enabled: maybe\n"), "enabled is 'maybe'"),
        (sql(HEADER + "columns: 5\n"), "columns is 5"),
        (sql("prefix: a\nmetrics: {c: {gauge: x, column: d}}\n"), "ac must be declared"),
        (sql(BY_NAME + "  odd: {gauge: x, colour: red}\n"), "odd must be declared"),
        (sql(BY_NAME + "  odd: {gauge: x, scale: ten}\n"), "odd must be declared"),
        (f"/*{HEADER}*/SELECT * FROM extension.pages", "its query says extension. and it requires none"),
    ],
)
def test_a_wrong_header_is_told(text: str, what: str) -> None:
    """With the file's name, and the form that is wanted."""
    with pytest.raises(ConfigurationError) as caught:
        parse(text, name="locks")
    assert caught.value.sentence.startswith("locks.sql: ")
    assert what in caught.value.sentence
