"""The advisor against a real PostgreSQL with HypoPG: what it finds, refuses to guess, and never does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from observer.advisor.advise import advise
from observer.advisor.connection import APPLICATION
from observer.advisor.precedence import OTHER_ORDER
from observer.advisor.request import KeptEntry, KeptSample, Request
from observer.errors import NotAvailable
from observer.reports.indexes import sql as sql_form
from tests.conditions import wait_for
from tests.psql import run_file

if TYPE_CHECKING:
    from observer.demo.servers import PostgresServer

TABLES = """
CREATE TABLE recipes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id bigint NOT NULL, name text NOT NULL,
    status text NOT NULL, created_at timestamptz NOT NULL, deleted_at timestamptz, data jsonb NOT NULL);
INSERT INTO recipes (user_id, name, status, created_at, deleted_at, data)
SELECT n % 2000, 'recipe ' || n, CASE WHEN n % 50 = 0 THEN 'draft' ELSE 'published' END,
       timestamptz '2026-01-01' + n * interval '1 minute', CASE WHEN n % 20 = 0 THEN now() END, '{}'
FROM generate_series(1, 40000) n;
CREATE TABLE reviews (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, recipe_id bigint NOT NULL REFERENCES recipes, body
    text NOT NULL);
INSERT INTO reviews (recipe_id, body) SELECT 1 + n % 40000, 'so good, number ' || n FROM generate_series(1,
60000) n;
CREATE TABLE secrets (id bigint PRIMARY KEY, owner bigint, word text);
INSERT INTO secrets SELECT n, n % 100, 'hunter' || n FROM generate_series(1, 20000) n;
CREATE TABLE events (at timestamptz NOT NULL, kind bigint NOT NULL, note text) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
INSERT INTO events SELECT timestamptz '2026-01-01' + n * interval '1 minute', n % 3000, 'note'
FROM generate_series(1, 80000) n;
CREATE TABLE orders (
    user_id bigint NOT NULL, status text NOT NULL, at timestamptz NOT NULL, note text NOT NULL);
INSERT INTO orders SELECT n * 7919 % 500, CASE WHEN n < 30000 THEN 'done' ELSE 'open' END,
       timestamptz '2026-01-01' + n * interval '1 minute', repeat('x', 100) FROM generate_series(1, 40000) n;
CREATE VIEW kept AS SELECT id, user_id, name FROM recipes WHERE deleted_at IS NULL;
"""


DATABASE = "advised_at_once"  # a name of this module's own: modules come in any order on one server


@pytest.fixture(scope="module")
def database(postgres: PostgresServer, hypopg: None) -> str:  # noqa: ARG001 - it is there
    """A database with tables and a role that may read and nothing else."""
    postgres.create_database(DATABASE, extensions=("hypopg", "pg_stat_statements"))
    with psycopg.connect(postgres.dsn(DATABASE), autocommit=True) as connection:
        connection.execute(TABLES)
        connection.execute("VACUUM ANALYZE")
        connection.execute("CREATE ROLE adviser LOGIN PASSWORD 'adviser-password'")
        connection.execute("GRANT pg_monitor, pg_read_all_data TO adviser")
        connection.execute("CREATE ROLE narrow LOGIN PASSWORD 'narrow-password'")
        connection.execute("GRANT SELECT ON recipes, reviews TO narrow")
    return postgres.dsn(DATABASE)


def as_role(dsn: str, role: str, database: str = DATABASE) -> str:
    return psycopg.conninfo.make_conninfo(dsn, user=role, password=f"{role}-password", dbname=database)


def definitions(report: Any) -> list[str]:
    return [item.ddl.split(" ON ", 1)[1] for item in report.recommendations]


def ask(dsn: str, workload: str, **more: Any) -> Any:
    return advise(Request(dsn=as_role(dsn, "adviser"), workload=workload, deadline=30, **more))


def test_a_lacking_index_is_found_built_and_not_found_again(database: str) -> None:
    """The file's statements can be run as they are; afterwards there is nothing left to recommend."""
    workload = "select * from reviews where recipe_id = $1 and body = $2"
    report = ask(database, workload)
    assert definitions(report)[0].startswith("public.reviews (")
    assert report.cost_left < 0.1
    file = sql_form.render(report)
    assert "Rollback: DROP INDEX CONCURRENTLY" in file
    with psycopg.connect(database, autocommit=True) as connection:
        try:
            connection.execute("SET lock_timeout = 0")
            for item in report.recommendations:
                connection.execute(item.ddl.encode())
            again = ask(database, workload)
            assert again.recommendations == ()
            assert again.nothing_because
        finally:
            for item in report.recommendations:
                connection.execute(f"DROP INDEX IF EXISTS {item.name}".encode())


def test_the_guides_indexes_are_found(database: str) -> None:
    """By user, by user and newest first, and by words: the last as a hypothesis, for nothing prices it."""
    report = ask(
        database,
        "select * from recipes where user_id = $1;"
        "select * from recipes where user_id = $1 order by created_at desc limit 20;"
        "select * from recipes where to_tsvector('english', name) @@ plainto_tsquery('english', $1)",
    )
    found = definitions(report)
    assert any(text.startswith("public.recipes (user_id") for text in found)
    assert any("gin ((to_tsvector('english', name)))" in item.ddl for item in report.hypotheses)
    by_time = ask(database, "select * from recipes where user_id = $1 order by created_at desc limit 5")
    assert definitions(by_time)[0].startswith("public.recipes (user_id")


def test_expressions_partial_indexes_and_joins_are_priced(database: str) -> None:
    """Also where the table stands second in FROM."""
    assert "public.recipes ((lower(name)))" in definitions(
        ask(
            database,
            "select r.id from reviews v join recipes r on r.id = v.recipe_id where lower(r.name) = $1",
        )
    )
    (partial,) = definitions(
        ask(database, "select id from recipes where deleted_at is not null and user_id = $1")
    )
    assert partial.startswith("public.recipes (user_id")


def test_the_selective_key_comes_first_where_it_is_all_the_same(database: str) -> None:
    """The planner prices the other order lower, as the table is sorted by it; yet both read the same entries.

    A range is another matter: there the order counts, and the planner is followed.
    """
    statement = "select * from orders where user_id = $1 and status = $2 order by at desc limit 5"
    asked = statement.replace("$1", "7").replace("$2", "'done'")
    with psycopg.connect(database, autocommit=True) as connection:
        costs = []
        for keys in ("user_id, status, at DESC", "status, user_id, at DESC"):
            connection.execute(f"SELECT hypopg_create_index('CREATE INDEX ON orders ({keys})')".encode())
            [(plan,)] = connection.execute(f"EXPLAIN (FORMAT JSON) {asked}".encode())
            costs.append(plan[0]["Plan"]["Total Cost"])
            connection.execute("SELECT hypopg_reset()")
    assert costs[1] < costs[0]
    report = ask(database, statement)
    assert definitions(report)[0].startswith("public.orders (user_id, status, at DESC)")
    assert any(item.reason == OTHER_ORDER for item in report.rejected)
    [found] = definitions(ask(database, "select at from orders where user_id > $1 and status = $2"))
    assert found.startswith("public.orders (status, user_id)")


def test_statements_that_write_are_priced_as_reads(database: str) -> None:
    """The role may write nothing, and no write privilege is asked for."""
    report = ask(
        database, "update reviews set body = $1 where recipe_id = $2; delete from recipes where user_id = $1"
    )
    assert report.unpriced == ()
    assert sorted(text.split("(")[0] for text in definitions(report)) == [
        "public.recipes ",
        "public.reviews ",
    ]


def test_normalised_texts_of_the_server_are_understood(database: str) -> None:
    """Typed constants, intervals, lists, arrays and limits as pg_stat_statements writes them."""
    report = ask(
        database,
        "select id from recipes where created_at > date $1 and created_at < now() - interval $2;"
        "select id from recipes where user_id in ($1 /*, ... */) limit $2 offset $3;"
        "select id from recipes where user_id = any($1) order by created_at limit $2;"
        "select id from recipes where created_at > current_date - $1;"
        "select extract($1 from created_at) from recipes where name like $2;"
        "select date_trunc($1, created_at), count(*) from recipes where data ->> $2 = $3 group by 1;"
        "select sum(case when status = $1 then $2 else $3 end) from recipes where user_id = $4",
    )
    assert report.unpriced == ()
    assert report.statements == 7


def test_one_bad_statement_does_not_cost_the_others_their_advice(database: str) -> None:
    """Unparsable, unknown and unreadable statements are named with reasons; the rest is advised."""
    report = advise(
        Request(
            dsn=as_role(database, "narrow"),
            workload="selec 1; select * from nowhere where a = 1; select word from secrets where owner = 5;"
            "select * from recipes where user_id = 7",
        )
    )
    reasons = " ".join(item.reason + item.remedy for item in report.unpriced)
    assert "not parsable" in reasons
    assert "nowhere" in reasons
    assert "no right to read" in reasons
    assert "pg_read_all_data" in reasons
    assert definitions(report) == ["public.recipes (user_id)"]


def test_without_hypopg_candidates_are_hypotheses(postgres: PostgresServer) -> None:
    """What is missing and how to get it is said; nothing is recommended unpriced."""
    postgres.create_database("unpriced", extensions=())
    with psycopg.connect(postgres.dsn("unpriced"), autocommit=True) as connection:
        connection.execute(TABLES)
        connection.execute("ANALYZE")
    report = advise(Request(dsn=postgres.dsn("unpriced"), workload="select * from recipes where user_id = 7"))
    assert report.recommendations == ()
    assert "CREATE EXTENSION hypopg" in report.nothing_because
    assert any("recipes (user_id)" in item.ddl for item in report.hypotheses)
    with pytest.raises(NotAvailable, match="pg_stat_statements"):
        advise(Request(dsn=postgres.dsn("unpriced")))


def test_two_samples_make_a_workload_with_times(database: str) -> None:
    """Savings are then milliseconds, and the write load of the window counts."""
    before = KeptSample(at=0, entries=())
    after = KeptSample(
        at=60,
        entries=(
            KeptEntry(queryid=1, text="select * from recipes where user_id = $1", calls=600, total_ms=6000),
            KeptEntry(
                queryid=2, text="insert into recipes (user_id) values ($1)", calls=60, total_ms=6, rows=60
            ),
        ),
    )
    report = advise(Request(dsn=as_role(database, "adviser"), before=before, after=after))
    (item,) = report.recommendations
    assert item.saved_ms_per_second > 50
    assert item.writes_per_second == pytest.approx(1.0)
    assert item.statements[0].queryid == "1"


def test_a_partitioned_table_gets_its_recipe(database: str, postgres: PostgresServer) -> None:
    """Parent first, each partition without locks, then attached; psql takes the file, and takes it twice."""
    report = ask(database, "select * from events where kind = $1 and at > '2026-01-01'")
    assert report.recommendations
    file = sql_form.render(report)
    assert "ON ONLY public.events" in file
    name = report.recommendations[0].name
    for _ in range(2):
        done = run_file(postgres, DATABASE, file)
        assert done.returncode == 0, done.stderr
    with psycopg.connect(database, autocommit=True) as connection:
        row = connection.execute(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = %s::regclass", (name,)
        ).fetchone()
        connection.execute(f"DROP INDEX {name}".encode())
    assert row == (True,)
    assert f"{name} stands already" in done.stdout


def test_partitions_that_are_partitioned_in_turn_are_built_at_once(
    database: str, postgres: PostgresServer
) -> None:
    """There is no way without a lock that is simple; the report says what it costs, and the file works."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE visits (at date NOT NULL, page bigint NOT NULL) PARTITION BY RANGE (at);"
            "CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')"
            " PARTITION BY HASH (page);"
            "CREATE TABLE visits_1_0 PARTITION OF visits_1 FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
            "CREATE TABLE visits_1_1 PARTITION OF visits_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
            "INSERT INTO visits SELECT '2026-03-01', n % 4000 FROM generate_series(1, 40000) n;"
            "ANALYZE visits"
        )
        report = ask(database, "select * from visits where page = $1 and at > '2026-01-01'")
        (item,) = report.recommendations
        assert any("writers wait" in note for note in item.notes)
        for _ in range(2):
            done = run_file(postgres, DATABASE, sql_form.render(report))
            assert done.returncode == 0, done.stderr
        rollback = next(line for line in sql_form.render(report).splitlines() if "Rollback" in line)
        connection.execute(rollback.partition("Rollback: ")[2].encode())
        connection.execute("DROP TABLE visits")


def test_the_file_removes_what_a_build_left_behind_and_builds_anew(
    database: str, postgres: PostgresServer
) -> None:
    """An invalid index of the same name costs writers and serves nobody; IF NOT EXISTS would keep it."""
    report = ask(database, "select * from reviews where recipe_id = $1")
    (item,) = report.recommendations
    with psycopg.connect(database, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(f"CREATE UNIQUE INDEX CONCURRENTLY {item.name} ON reviews ((1))".encode())
        done = run_file(postgres, DATABASE, sql_form.render(report))
        assert done.returncode == 0, done.stderr
        row = connection.execute(
            "SELECT indisvalid, indisunique FROM pg_index WHERE indexrelid = %s::regclass", (item.name,)
        ).fetchone()
        rollback = next(line for line in sql_form.render(report).splitlines() if "Rollback" in line)
        connection.execute(rollback.partition("Rollback: ")[2].encode())
        gone = connection.execute("SELECT to_regclass(%s)", (item.name,)).fetchone()
    assert row == (True, False)
    assert gone == (None,)


def test_the_file_does_not_wait_for_an_old_transaction(database: str, postgres: PostgresServer) -> None:
    """It says so before anything is built; here any transaction counts as old."""
    file = sql_form.render(ask(database, "select * from reviews where recipe_id = $1"))
    with psycopg.connect(database) as connection:
        connection.execute("SELECT 1")
        done = run_file(postgres, DATABASE, file.replace("interval '10 minutes'", "interval '0'"))
    assert done.returncode != 0
    assert "older than 10 minutes" in done.stderr
    assert "CREATE INDEX" not in done.stdout


def test_nothing_is_left_behind_and_nothing_is_written(database: str) -> None:
    """No index, no hypothetical one, no session; the same request gives the same set."""
    workload = "select * from recipes where user_id = $1; select name from recipes where status = 'draft'"
    with psycopg.connect(database, autocommit=True) as connection:

        def number(query: str) -> int:
            row = connection.execute(query.encode(), (APPLICATION,) if "%s" in query else None).fetchone()
            assert row is not None
            return int(row[0])

        before = number("SELECT count(*) FROM pg_class")
        first, second = ask(database, workload), ask(database, workload)
        assert number("SELECT count(*) FROM pg_class") == before
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
        wait_for(lambda: number(sessions) == 0, "the advisor's sessions to end")
    assert definitions(first) == definitions(second)


def test_tables_outside_the_roles_search_path_are_found(database: str) -> None:
    """The role that asks is seldom the one whose statements these are."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA shop")
        connection.execute(
            "CREATE TABLE shop.sales AS SELECT n AS id, n % 500 AS buyer FROM generate_series(1, 30000) n"
        )
        connection.execute("ANALYZE shop.sales")
    report = ask(database, "select * from sales where buyer = $1")
    assert definitions(report) == ["shop.sales (buyer)"]


def test_a_lost_connection_does_not_end_the_run(database: str) -> None:
    """One of two sessions is ended in the middle: the other one answers the rest."""
    ended: list[int] = []

    def end_one(line: str) -> None:
        if line.startswith("round 0") and not ended:
            with psycopg.connect(database, autocommit=True) as connection:
                row = connection.execute(
                    "SELECT max(pid) FROM pg_stat_activity WHERE application_name = %s", (APPLICATION,)
                ).fetchone()
                assert row is not None
                ended.append(row[0])
                connection.execute("SELECT pg_terminate_backend(%s, 5000)", (row[0],))

    workload = (
        "select * from recipes where user_id = $1; select * from reviews where recipe_id = $1;"
        "select name from recipes where status = 'draft' order by created_at;"
        "select count(*) from recipes r join reviews v on v.recipe_id = r.id where r.user_id = $1"
    )
    request = Request(dsn=as_role(database, "adviser"), workload=workload, budget="3MB", deadline=30)
    report = advise(request, say=end_one)
    assert ended
    assert report.recommendations


def test_a_table_that_goes_in_the_middle_costs_the_others_nothing(database: str) -> None:
    """Schemas change while a run lasts: what is gone is named with its reason, the rest is advised on."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE doomed AS SELECT n, n % 700 AS kind FROM generate_series(1, 20000) n"
        )
        connection.execute("ANALYZE doomed")

    def drop(line: str) -> None:
        if line.endswith("priced as things stand"):
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute("DROP TABLE doomed")

    workload = "select * from doomed where kind = $1; select * from recipes where user_id = $1"
    report = advise(Request(dsn=as_role(database, "adviser"), workload=workload, deadline=30), say=drop)
    assert definitions(report) == ["public.recipes (user_id)"]
    assert [item.text for item in report.unpriced] == ["select * from doomed where kind = $1"]
    assert "doomed" in report.unpriced[0].reason
