"""What HypoPG cannot price, tried out on samples in a scratch database that is left as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from observer.advisor.advise import advise
from observer.advisor.request import Request
from observer.demo.servers import PostgresServer
from observer.reports.indexes import html, markdown
from observer.reports.indexes import sql as sql_form

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATABASE = "advised_with_samples"
ROLE = "sampled_adviser"

TABLES = """
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE notes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text NOT NULL, tags text[] NOT NULL,
    data jsonb NOT NULL, mood mood NOT NULL, owner bigint NOT NULL);
INSERT INTO notes (title, tags, data, mood, owner)
SELECT left(md5(n::text), 6) || ' ' || left(md5((n * 7)::text), 9), ARRAY['t' || n % 900, 'u' || n % 7],
       jsonb_build_object('kind', 'k' || n % 1500, 'n', n),
       CASE WHEN n % 9 = 0 THEN 'bad' ELSE 'good' END::mood, n % 4000
FROM generate_series(1, 20000) n;
CREATE VIEW good_notes AS SELECT id, title, tags, owner FROM notes WHERE mood = 'good';
"""


@pytest.fixture(scope="module")
def watched(postgres: PostgresServer, hypopg: None) -> Iterator[str]:  # noqa: ARG001 - it is there
    """A database that is advised on, and a role that may only read it."""
    postgres.create_database(DATABASE, extensions=("hypopg",))
    with psycopg.connect(postgres.dsn(DATABASE), autocommit=True) as connection:
        connection.execute(TABLES)
        connection.execute("VACUUM ANALYZE")
        connection.execute(f"CREATE ROLE {ROLE} LOGIN")
        connection.execute(f"GRANT pg_read_all_data TO {ROLE}")
    yield postgres.dsn(DATABASE, user=ROLE)
    postgres.execute("postgres", f"DROP DATABASE {DATABASE} WITH (FORCE)", f"DROP ROLE {ROLE}")  # type: ignore[arg-type]  # constants


@pytest.fixture(scope="module")
def scratch(server_root: Path, postgres_bin_dir: Path | None) -> Iterator[PostgresServer]:
    """Another server, with an empty database."""
    with PostgresServer.create(server_root / "scratch", bin_dir=postgres_bin_dir) as server:
        server.create_database("scratch", extensions=())
        yield server


def ask(dsn: str, workload: str, sample_dsn: str = "") -> Any:
    request = Request(dsn=dsn, workload=workload, sample_dsn=sample_dsn, sample_bytes=1024**2, deadline=300)
    return advise(request)


def content(server: PostgresServer) -> list[tuple[Any, ...]]:
    """All that stands in the scratch database."""
    with server.connect("scratch") as connection:
        return [
            *connection.execute(
                "SELECT relname, relnamespace::regnamespace::text FROM pg_class ORDER BY 1, 2"
            ),
            *connection.execute("SELECT extname FROM pg_extension ORDER BY 1"),
            *connection.execute("SELECT typname FROM pg_type ORDER BY 1"),
        ]


def test_inverted_indexes_are_verified_and_nothing_stays(watched: str, scratch: PostgresServer) -> None:
    """Arrays, documents, words and trigrams, through a view too; the label says what the advice rests on."""
    before = content(scratch)
    report = ask(
        watched,
        "select * from notes where data @> $1;"
        "select id from good_notes where tags @> $1;"
        "select id from notes where to_tsvector('simple', title) @@ plainto_tsquery('simple', $1);"
        "select id from notes where title ilike $1",
        scratch.dsn("scratch"),
    )
    found = {item.ddl.split(" USING ")[1]: item for item in report.recommendations if " USING " in item.ddl}
    assert set(found) == {
        "gin (data jsonb_path_ops)",
        "gin (tags)",
        "gin ((to_tsvector('simple', title)))",
        "gin (title gin_trgm_ops)",
    }, (found, report.hypotheses)
    assert {item.evidence for item in found.values()} == {"sample"}
    words = found["gin (data jsonb_path_ops)"]
    assert "scaled from samples" in words.notes[0]
    assert words.statements[0].cost_after < words.statements[0].cost_before / 5
    for form in (html.render(report), markdown.render(report), sql_form.render(report)):
        assert "verified on a sample" in form
    assert content(scratch) == before


def test_what_is_promised_is_what_a_real_index_brings(
    watched: str, scratch: PostgresServer, postgres: PostgresServer
) -> None:
    """Size and cost at the full size, computed from samples of less than half of it."""
    report = ask(watched, "select id from notes where tags @> $1", scratch.dsn("scratch"))
    (item,) = report.recommendations
    with psycopg.connect(postgres.dsn(DATABASE), autocommit=True) as connection:
        connection.execute(item.ddl.encode())
        try:
            row = connection.execute("SELECT pg_relation_size(%s::regclass)", (item.name,)).fetchone()
            plan = connection.execute(
                "EXPLAIN (FORMAT JSON) SELECT id FROM notes WHERE tags @> '{t1,u1}'"
            ).fetchone()
        finally:
            connection.execute(f"DROP INDEX {item.name}".encode())
    assert row is not None
    assert plan is not None
    assert item.size == pytest.approx(row[0], rel=0.6)
    assert item.statements[0].cost_after == pytest.approx(plan[0][0]["Plan"]["Total Cost"], rel=1.5)


def test_an_index_that_does_not_help_stays_a_hypothesis(watched: str, scratch: PostgresServer) -> None:
    """Tried and found wanting: the report says so."""
    report = ask(watched, "select count(*) from notes where data ? 'kind'", scratch.dsn("scratch"))
    assert not [item for item in report.recommendations if "gin" in item.ddl]
    (item,) = report.hypotheses
    assert "does not want it" in item.reason


def test_without_a_scratch_database_it_is_a_hypothesis_with_the_way_to_try_it(watched: str) -> None:
    """Nothing is guessed."""
    (item,) = ask(watched, "select * from notes where data @> $1").hypotheses
    assert "--sample-dsn" in item.reason


def test_the_watched_server_is_refused_as_scratch(watched: str, postgres: PostgresServer) -> None:
    """Nothing is ever created there, not even for a moment."""
    report = ask(watched, "select * from notes where data @> $1", postgres.dsn("app"))
    (item,) = report.hypotheses
    assert "on the watched server" in item.reason
    assert "advise.sample_dsn" in item.reason


@pytest.mark.parametrize("dsn", ["postgresql://nobody@127.0.0.1:1/none", "not a dsn"])
def test_a_scratch_database_that_is_not_there_costs_no_other_advice(watched: str, dsn: str) -> None:
    """What HypoPG prices is advised on as ever; the hypothesis says what is wrong, without the password."""
    report = ask(watched, "select * from notes where data @> $1; select * from notes where owner = $1", dsn)
    assert [item.ddl.split(" ON ")[1] for item in report.recommendations] == ["public.notes (owner)"]
    assert "scratch database" in report.hypotheses[0].reason
