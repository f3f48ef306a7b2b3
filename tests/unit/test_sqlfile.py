"""A collector that is one .sql file: what its header says, and what is said of a wrong one."""

from __future__ import annotations

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
    fits = [collector.fits(version) for version in (139999, 140000, 169999, 170000)]
    assert fits == [False, True, True, False]


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


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("SELECT 1", "does not begin with a header"),
        ("/* a: [ */ SELECT 1", "its header is not YAML"),
        (sql("prefix: a\n"), "its header has the keys prefix"),
        (sql(HEADER + "colour: red\n"), "colour"),
        (sql(" just words "), "must be a mapping"),
        (sql(" 5 "), "must be a mapping"),
        (sql(""), "must be a mapping"),
        (sql("prefix: a\nmetrics: [count]\n"), "metrics must be a mapping"),
        (sql("prefix: a\nmetrics: {count: 5}\n"), "acount must be declared as {gauge: what it is}"),
        (sql("prefix: a\nmetrics: {count: {guage: x}}\n"), "acount must be declared"),
        (sql("prefix: a\nlabels: datname\nmetrics: {c: {gauge: x}}\n"), "labels must be a list"),
        (sql(HEADER + "requires: '>=140000'\n"), "requires.server must be like"),
        (sql(HEADER + "requires: {server: 14}\n"), "requires.server must be like"),
    ],
)
def test_a_wrong_header_is_told(text: str, what: str) -> None:
    """With the file's name, and the form that is wanted."""
    with pytest.raises(ConfigurationError) as caught:
        parse(text, name="locks")
    assert caught.value.sentence.startswith("locks.sql: ")
    assert what in caught.value.sentence
