"""Statements from a server's rows to families: which query is asked, names, and what a fault says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from observer.deadlines import Deadline
from observer.errors import NotAvailable, ObserverError
from observer.exporter.postgres.statement_columns import DECLARED, DETAILS
from observer.exporter.postgres.statement_texts import INTERVAL, INTERVAL_AFTER_FAILURE, StatementTexts
from observer.exporter.postgres.statements import StatementCollector
from observer.exporter.snapshot import CollectionOrder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observer.targets.postgres import PostgresSession, ServerFacts


class Facts:
    """As much of a server's facts as a collector of statements reads."""

    database = "app"
    superuser = False
    role = 99
    reads_statistics = True

    def __init__(self, version: tuple[int, ...] | None = (1, 10)) -> None:
        self.extensions = {} if version is None else {"pg_stat_statements": ("public", version)}


class Session:
    """Answers a collector's questions from what a test says stands in the server."""

    def __init__(self) -> None:
        self.entries: list[tuple[Any, ...]] = []
        self.details: dict[int, tuple[float, ...]] = {}
        self.epochs: list[float] = [1.0]
        self.texts: dict[int, str] = {}
        self.asked: list[str] = []
        self.parameters: list[Sequence[Any]] = []

    def rows(
        self, query: Any, parameters: Sequence[Any] = (), *, deadline: Deadline
    ) -> list[tuple[Any, ...]]:
        deadline.check()
        text = query.decode() if isinstance(query, bytes) else query.as_string(None)
        self.asked.append(text)
        self.parameters.append(parameters)
        if "stat_statements_info" in text:
            return [(self.epochs.pop(0) if len(self.epochs) > 1 else self.epochs[0], 3)]
        if "pg_database" in text:
            return [(1, "app")]
        if "pg_roles" in text:
            return [(1, "web")]
        if "(true)" in text:
            return [(queryid, self.texts[queryid]) for queryid in parameters[0] if queryid in self.texts]
        if "wal_records" in text:
            nothing = (0,) * len(DETAILS)
            return [(*row, *self.details.get(row[2], nothing)) for row in self.entries]
        return self.entries


class Watched:
    """A collector beside a server that is collected every 15 seconds and whose pages are all seen."""

    def __init__(self, version: tuple[int, ...] | None = (1, 10), *, detailed: bool = False) -> None:
        self.session, self.facts, self.version = Session(), Facts(version), 0
        self.collector = StatementCollector(top=10, details=DETAILS if detailed else ())

    def order(self) -> CollectionOrder:
        self.version += 1
        return CollectionOrder(
            version=self.version,
            seen=self.version - 1,
            now=1000 + 15.0 * self.version,
            deadline=Deadline(60, "collecting"),
        )

    def collect(self) -> dict[str, float]:
        families = self.collector.collect(
            cast("PostgresSession", self.session), cast("ServerFacts", self.facts), self.order()
        )
        metrics = [family.metric for family in families]
        assert len(set(metrics)) == len(metrics)
        assert set(metrics) <= set(DECLARED)
        return {f"{f.metric.name}{{{body}}}": value for f in families for _, body, value in f.samples}


def entry(
    queryid: int, calls: int, milliseconds: float, *, user: int = 1, top: bool = True
) -> tuple[Any, ...]:
    return (1, user, queryid, top, None, calls, milliseconds, 2 * calls, 0.0, 0.0)


CALLS = 'pg_stat_statements_calls_total{{user="{}",datname="app",queryid="{}"}}'
SECONDS = 'pg_stat_statements_seconds_total{{user="web",datname="app",queryid="{}"}}'


def test_what_is_counted_begins_with_the_process() -> None:
    """The first page shows zeros; then seconds, calls and rows since."""
    watched = Watched()
    watched.session.entries = [entry(7, 100, 5000.0)]
    first = watched.collect()
    assert first[CALLS.format("web", 7)] == 0
    assert first[CALLS.format("web", "other")] == 0
    watched.session.entries = [entry(7, 103, 5250.0)]
    page = watched.collect()
    assert page[CALLS.format("web", 7)] == 3
    assert page[SECONDS.format(7)] == 0.25


def test_nested_and_top_level_calls_are_one_series() -> None:
    """Labels know no difference; both are counted."""
    watched = Watched()
    watched.session.entries = [entry(7, 1, 10.0), entry(7, 1, 10.0, top=False)]
    watched.collect()
    watched.session.entries = [entry(7, 2, 20.0), entry(7, 5, 20.0, top=False)]
    assert watched.collect()[CALLS.format("web", 7)] == 5


def test_a_dropped_role_is_named_by_its_number() -> None:
    """Its entries stay in the server until they are evicted."""
    watched = Watched()
    watched.session.entries = [entry(7, 1, 10.0, user=55)]
    assert CALLS.format("55", 7) in watched.collect()


def test_a_reset_between_two_questions_is_not_counted_twice() -> None:
    """Entries are read again until they belong to one epoch; a server without rest is told."""
    watched = Watched()
    watched.session.entries = [entry(7, 1, 10.0)]
    watched.session.epochs = [1.0, 2.0, 2.0]
    watched.collect()
    assert sum("(false)" in text for text in watched.session.asked) == 2
    watched.session.epochs = [float(n) for n in range(10)]
    with pytest.raises(ObserverError, match="over and over"):
        watched.collect()


@pytest.mark.parametrize(
    ("version", "within", "without"),
    [
        ((1, 8), [" blk_read_time", "true, NULL"], ["stats_since"]),
        ((1, 10), [" blk_read_time", "toplevel, NULL"], ["stats_since"]),
        ((1, 11), [" shared_blk_read_time", "stats_since", "toplevel"], [" blk_read_time"]),
    ],
)
def test_columns_follow_the_extensions_version(
    version: tuple[int, ...], within: list[str], without: list[str]
) -> None:
    """A server may be upgraded without its extension; our own statements are left out."""
    watched = Watched(version)
    watched.session.entries = [entry(7, 1, 10.0)]
    watched.collect()
    [(query, parameters)] = [
        (text, given)
        for text, given in zip(watched.session.asked, watched.session.parameters, strict=True)
        if "(false)" in text
    ]
    assert all(text in query for text in within)
    assert not any(text in query for text in without)
    assert parameters == (99,)


def test_what_is_missing_is_said_with_its_remedy() -> None:
    """Not installed, or too old."""
    for version, remedy in ((None, "CREATE EXTENSION"), ((1, 7), "ALTER EXTENSION")):
        with pytest.raises(NotAvailable) as caught:
            Watched(version).collect()
        assert remedy in caught.value.remedy


def detailed(calls: int) -> tuple[float, ...]:
    """Details of a statement that was called so often; each counter has a value of its own for a call."""
    return tuple(float(calls * (index + 1)) for index in range(len(DETAILS)))


def test_details_are_read_rarely_and_add_up_to_what_the_server_has() -> None:
    """Every 60 seconds; what came and was called between is in them, in its series and in the rest."""
    watched = Watched((1, 12), detailed=True)
    session, calls = watched.session, {7: 100, 8: 50}

    def collect() -> dict[str, float]:
        session.entries = [entry(queryid, n, 10.0 * n) for queryid, n in calls.items()]
        session.details = {queryid: detailed(n) for queryid, n in calls.items()}
        return watched.collect()

    page = collect()
    body = '{{user="web",datname="app",queryid="{}"}}'
    name = DETAILS[0].metric.name
    assert page[name + body.format(7)] == page[name + body.format("other")] == 0
    calls[7], calls[9] = 103, 4
    for _ in range(3):
        page = collect()
        assert page[CALLS.format("web", 7)] == 3
        assert page[name + body.format(7)] == 0
    # What was promoted meanwhile stands at 0 before anything is counted in it.
    assert page[name + body.format(9)] == 0
    page = collect()
    assert sum("wal_records" in text for text in session.asked) == 2
    for index, column in enumerate(DETAILS):
        found = {key: value for key, value in page.items() if key.startswith(column.metric.name + "{")}
        assert sum(found.values()) == pytest.approx((3 + 4) * (index + 1) * column.scale), column.metric.name
    assert page[name + body.format(7)] == 3
    assert page[name + body.format(9)] == 4


def test_a_reset_loses_no_details() -> None:
    """All that is there after it is new."""
    watched = Watched((1, 12), detailed=True)
    watched.session.entries, watched.session.details = [entry(7, 100, 10.0)], {7: detailed(100)}
    watched.collect()
    watched.session.entries, watched.session.details = [entry(7, 200, 20.0)], {7: detailed(200)}
    watched.session.epochs = [2.0]
    pages = [watched.collect() for _ in range(4)]
    key = DETAILS[0].metric.name + '{user="web",datname="app",queryid="7"}'
    assert [page[key] for page in pages] == [0, 0, 0, 200]


@pytest.mark.parametrize(
    ("version", "without"),
    [
        ((1, 8), {"temp_blk_read_seconds", "jit_functions", "local_blk_read_seconds", "wal_buffers_full"}),
        ((1, 10), {"local_blk_read_seconds", "wal_buffers_full", "parallel_workers_launched"}),
        ((1, 11), {"wal_buffers_full", "parallel_workers_launched"}),
        ((1, 12), set()),
    ],
)
def test_what_a_version_does_not_count_is_no_series(version: tuple[int, ...], without: set[str]) -> None:
    """Rather than one that stays at 0."""
    watched = Watched(version, detailed=True)
    watched.session.entries = [entry(7, 1, 10.0)]
    names = {key.partition("{")[0] for key in watched.collect()}
    assert {f"pg_stat_statements_{name}_total" for name in without}.isdisjoint(names)
    assert "pg_stat_statements_wal_bytes_total" in names
    assert ("pg_stat_statements_info_dealloc_total" in names) == (version >= (1, 9))


def test_details_survive_an_update_of_the_extension() -> None:
    """Rows keep their shape; a counter that is new begins with what the server has of it."""
    watched = Watched((1, 8), detailed=True)
    watched.session.entries, watched.session.details = [entry(7, 1, 10.0)], {7: detailed(1)}
    watched.collect()
    watched.facts.extensions["pg_stat_statements"] = ("public", (1, 12))
    # The new version tells when an entry and all of them began; that is no reset.
    updated = (*entry(7, 2, 10.0)[:4], 1234.5, *entry(7, 2, 10.0)[5:])
    watched.session.entries, watched.session.details = [updated], {7: detailed(2)}
    pages = [watched.collect() for _ in range(4)]
    assert pages[-1][CALLS.format("web", 7)] == 1
    assert pages[-1][DETAILS[0].metric.name + '{user="web",datname="app",queryid="7"}'] == 1


class Texts:
    """A collector of texts, and a clock."""

    def __init__(self) -> None:
        self.session, self.texts, self.now = Session(), StatementTexts(length=20), 1000.0

    def collect(self, queryids: set[int]) -> list[str] | None:
        order = CollectionOrder(version=1, seen=0, now=self.now, deadline=Deadline(60, "collecting"))
        families = self.texts.collect(
            cast("PostgresSession", self.session), cast("ServerFacts", Facts()), order, queryids
        )
        return None if families is None else [body for _, body, _ in families[0].samples]


def test_texts_are_redacted_cut_and_fetched_once() -> None:
    """Only for statements on the page that have none yet, and rarely."""
    watched = Texts()
    watched.session.texts = {1: "ALTER ROLE a PASSWORD 'c4n4ry'", 2: "SELECT $1"}
    assert watched.collect({1}) == ['queryid="1",query="ALTER ROLE a PASSWO…"']
    assert "c4n4ry" not in watched.texts.texts[1]
    assert watched.collect({1, 2}) == ['queryid="1",query="ALTER ROLE a PASSWO…"']
    watched.now += INTERVAL
    assert watched.collect({1, 2}) == [
        'queryid="1",query="ALTER ROLE a PASSWO…"',
        'queryid="2",query="SELECT $1"',
    ]
    assert watched.session.parameters == [([1],), ([2],)]
    watched.now += INTERVAL
    assert watched.collect({2}) == ['queryid="2",query="SELECT $1"']


def test_a_fetch_that_failed_is_not_repeated_soon() -> None:
    """The file of texts can be huge, or broken."""
    watched = Texts()
    with pytest.raises(NotAvailable):
        watched.texts.collect(
            cast("PostgresSession", watched.session),
            cast("ServerFacts", Facts(None)),
            CollectionOrder(version=1, seen=0, now=watched.now, deadline=Deadline(60, "collecting")),
            {1},
        )
    watched.now += INTERVAL_AFTER_FAILURE - 1
    assert watched.collect({1}) is None
    watched.now += 1
    assert watched.collect({1}) == []
