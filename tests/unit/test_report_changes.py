"""Index reports compared, and indexes told to be the same."""

from __future__ import annotations

import pytest

from observer.advisor.counts import Counts
from observer.advisor.report import IndexReport, Recommendation, Run
from observer.reports.advised import as_by_now
from observer.reports.changes import Built, Effect, Named, bare, changes, in_words, normal, standing
from observer.reports.indexes import changed


def recommended(name: str) -> Recommendation:
    return Recommendation(
        name=name,
        ddl=f"CREATE INDEX CONCURRENTLY {name} ON public.t (a)",
        relation="public.t",
        kind="btree",
        size=1,
        saved=0.5,
        saved_ms_per_second=0.0,
        writes_per_second=0.0,
        upkeep_ms_per_second=0.0,
        hot_lost_per_second=0.0,
        confidence="high",
        statements=(),
    )


def report(*names: str, hypopg: str = "1.3.1") -> IndexReport:
    return IndexReport(
        created_at=0.0,
        database="d",
        server_version="15.0",
        hypopg=hypopg,
        source="",
        window_seconds=1.0,
        statements=1,
        timed=True,
        budget=1,
        size_model="corrected",
        size=1,
        cost_left=0.5,
        recommendations=tuple(recommended(name) for name in names),
        hypotheses=(),
        rejected=(),
        unpriced=(),
        worsened=(),
        run=Run(0.0, 0, 0, 0, finished=True),
    )


def names(items: list[dict[str, str]]) -> list[str]:
    return [item["name"] for item in items]


def test_new_still_and_resolved_are_told_apart() -> None:
    """And of the resolved ones which were built."""
    document = changes(
        report("a", "b", "c"), report("b", "d"), former_id=4, built=(), stand={("public.t", "a")}
    )
    assert names(document["new"]) == ["d"]
    assert names(document["still"]) == ["b"]
    assert [(i["name"], i["why"]) for i in document["resolved"]] == [
        ("a", "built"),
        ("c", "no longer worth its cost"),
    ]
    assert in_words(document) == "1 built, 1 no longer advised, 1 newly advised, 1 still to build"


def test_nothing_counts_as_resolved_when_nothing_was_priced() -> None:
    """Without HypoPG there are no recommendations, and all that was advised is still lacking."""
    document = changes(report("a"), report(hypopg=""), former_id=4, built=(), stand=set())
    assert (document["compared"], document["resolved"]) == (False, [])
    assert "not priced" in in_words(document)


def test_the_first_report_is_compared_with_nothing() -> None:
    """And says so."""
    document = changes(None, report("a"), former_id=None, built=(), stand=set())
    assert (document["former"], document["new"]) == (None, [])
    assert in_words(document) == "the first report"


@pytest.mark.parametrize(
    ("ours", "servers"),
    [
        (
            "CREATE INDEX CONCURRENTLY x ON public.r (user_id, created_at DESC) INCLUDE (id)",
            "CREATE INDEX other ON public.r USING btree (user_id, created_at DESC) INCLUDE (id)",
        ),
        (
            "CREATE INDEX CONCURRENTLY x ON public.r (a) WHERE status = 'open' AND b IS NULL",
            "CREATE INDEX x ON public.r USING btree (a) WHERE ((status = 'open'::text) AND (b IS NULL))",
        ),
        (
            "CREATE INDEX CONCURRENTLY x ON public.r ((lower(email)))",
            "CREATE INDEX x ON public.r USING btree (lower((email)::text))",
        ),
        ("CREATE INDEX x ON public.r USING gin (d)", "CREATE INDEX y ON ONLY public.r USING gin (d)"),
    ],
)
def test_an_index_is_known_however_it_is_written(ours: str, servers: str) -> None:
    """Under another name, too: people rename what they build."""
    assert normal(ours) == normal(servers)


@pytest.mark.parametrize(
    "other",
    [
        "CREATE INDEX x ON public.r USING btree (a)",
        "CREATE INDEX x ON public.r USING btree (b, a)",
        "CREATE INDEX x ON public.r USING btree (a, b DESC)",
        "CREATE INDEX x ON public.s USING btree (a, b)",
        "CREATE INDEX x ON public.r USING hash (a, b)",
        "CREATE UNIQUE INDEX x ON public.r USING btree (a, b)",
        "CREATE INDEX x ON public.r USING btree (a, b) WHERE (c IS NULL)",
    ],
)
def test_another_index_is_another(other: str) -> None:
    """Order, direction, method, uniqueness and predicate count."""
    assert normal("CREATE INDEX x ON public.r (a, b)") != normal(other)


def test_what_stands_is_found_by_name_or_by_definition() -> None:
    """And nothing else is."""
    advised = [
        Named('public."R t"', "r_a_idx", 'CREATE INDEX CONCURRENTLY r_a_idx ON public."R t" (a)'),
        Named("public.s", "s_b_idx", "CREATE INDEX CONCURRENTLY s_b_idx ON public.s (b)"),
        Named("public.s", "s_c_idx", "CREATE INDEX CONCURRENTLY s_c_idx ON public.s (c)"),
    ]
    found = [
        ("public", "R t", "r_a_idx", 'CREATE INDEX r_a_idx ON public."R t" USING btree (a)'),
        ("public", "s", "mine", "CREATE INDEX mine ON public.s USING btree (b)"),
        ("other", "s", "s_c_idx", "CREATE INDEX s_c_idx ON other.s USING btree (c)"),
    ]
    assert standing(advised, found) == {('public."R t"', "r_a_idx"), ("public.s", "s_b_idx")}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("public.t", ("public", "t")),
        ('"My Schema"."a.b"', ("My Schema", "a.b")),
        ('s."x""y"', ("s", 'x"y')),
        ("t", ("public", "t")),
    ],
)
def test_qualified_names_are_taken_apart(text: str, parts: tuple[str, str]) -> None:
    """Dots and quotes within quotes belong to the name."""
    assert bare(text) == parts


def test_before_and_after_are_shown_without_letting_texts_into_the_page() -> None:
    """A statement is data: its angle brackets are escaped, its bars do not end a column."""
    effect = Effect(queryid="7", text="SELECT a < b | c", before_ms=20.0, after_ms=2.0, calls_after=1200)
    idle = Effect(queryid="8", text="SELECT 1", before_ms=20.0, after_ms=None, calls_after=0)
    one = Built(relation="public.t", name="t_idx", ddl="", seen_at=0.0, statements=(effect, idle))
    document = changes(report("a"), report(), former_id=1, built=[one], stand=set())
    page, text = changed.html(document), changed.markdown(document)
    assert "SELECT a &lt; b | c" in page
    assert "10 times faster" in page
    assert "not called since" in page
    assert r"`SELECT a < b \| c`" in text


def effect(queryid: int, after: float | None) -> Effect:
    return Effect(
        queryid=str(queryid), text="", before_ms=50.0, after_ms=after, calls_after=0 if after is None else 9
    )


def test_what_was_slow_before_an_index_stood_counts_with_what_a_call_takes_since() -> None:
    """The latest index of a statement speaks for it; what was not called since is left out."""
    counts = {1: Counts(10, 500.0, 7), 2: Counts(4, 80.0, 4), 3: Counts(2, 6.0, 2)}
    latest, former = (
        Built(relation="public.t", name=name, ddl="", seen_at=at, statements=effects)
        for name, at, effects in (
            ("b", 20.0, (effect(1, 0.5),)),
            ("a", 10.0, (effect(1, 30.0), effect(2, None), effect(9, 1.0))),
        )
    )
    assert as_by_now(counts, [latest, former]) == {1: Counts(10, 5.0, 7), 3: Counts(2, 6.0, 2)}
    assert as_by_now(counts, []) == counts
