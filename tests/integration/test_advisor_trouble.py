"""What happens in the middle of a run: time is up, connections are cut, tables change, HypoPG refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from observer.advisor.advise import advise
from observer.advisor.connection import APPLICATION, installed_hypopg
from observer.advisor.hypothetical import Hypothetical
from observer.advisor.indexes import Index, Key
from observer.advisor.names import RelationName
from observer.advisor.question import Question, RejectedIndex, Unpriceable
from observer.advisor.request import Request
from observer.advisor.whatif import Session
from observer.errors import TargetUnreachable
from tests.conditions import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from observer.demo.servers import PostgresServer

DATABASE = "advised_in_trouble"
_TABLES = 6
_COLUMNS = 8


@pytest.fixture(scope="module")
def database(postgres: PostgresServer, hypopg: None) -> str:  # noqa: ARG001 - it is there
    """Some tables of many columns, with an index on each key."""
    postgres.create_database(DATABASE, extensions=("hypopg",))
    with psycopg.connect(postgres.dsn(DATABASE), autocommit=True) as connection:
        columns = ", ".join(f"c{n} integer" for n in range(_COLUMNS))
        values = ", ".join(f"(n * {n * 7 + 3}) % {10 ** (n % 4 + 1)}" for n in range(_COLUMNS))
        for number in range(_TABLES):
            connection.execute(f"CREATE TABLE t{number} (id integer PRIMARY KEY, {columns})".encode())
            connection.execute(
                f"INSERT INTO t{number} SELECT n, {values} FROM generate_series(1, 5000) n".encode()
            )
        connection.execute("VACUUM ANALYZE")
    return postgres.dsn(DATABASE)


def workload(statements: int) -> str:
    """That many statements, each of another shape."""
    made = []
    for number in range(statements):
        table, one, other = number % _TABLES, number % _COLUMNS, (number // _COLUMNS + 1) % _COLUMNS
        third = (number // 3) % _COLUMNS
        if number % 2:
            text = f"select c{third} from t{table} where c{one} = 5 and c{other} > 3 order by c{third}"
        else:
            text = f"select a.c{third}, b.c{one} from t{table} a join t{(table + 1) % _TABLES} b using (id)"
            text += f" where a.c{one} = 5 and b.c{other} = 7"
        made.append(text)
    return ";".join(made)


def once(word: str, act: Callable[[], None]) -> Callable[[str], None]:
    """Acts at the first line that begins with a word."""
    done: list[str] = []

    def say(line: str) -> None:
        if line.startswith(word) and not done:
            done.append(line)
            act()

    return say


def test_at_the_deadline_the_best_so_far_comes_out(database: str) -> None:
    """Not an error: it is within the budget, and says that the search was cut short."""
    request = Request(dsn=database, workload=workload(120), budget="4MB", deadline=2.0, least_gain=0.0)
    report = advise(request)
    assert report.size <= report.budget
    assert not report.run.finished
    assert any("deadline" in note for note in report.notes)


def test_a_deadline_that_leaves_no_time_is_said_and_costs_no_error(database: str) -> None:
    """Everything is then named as not looked at."""
    report = advise(Request(dsn=database, workload=workload(120), deadline=0.05))
    assert not report.run.finished
    assert report.unpriced
    assert all("deadline" in item.reason for item in report.unpriced)


def test_what_is_left_out_is_told_with_its_share(database: str) -> None:
    """Not that it is little, but how much it is."""
    light, *heavy = workload(3).split(";")
    text = f"-- weight: 10\n{heavy[0]}; -- weight: 10\n{heavy[1]}; -- weight: 5\n{light}"
    report = advise(Request(dsn=database, workload=text, most_statements=2, deadline=30))
    assert report.statements == 2
    assert any("1 statements that together are 20.0 % of the weight were left out" in n for n in report.notes)


def test_the_run_tells_how_far_it_is(database: str) -> None:
    """The planner's questions are counted up while it runs."""
    told: list[int] = []
    report = advise(
        Request(dsn=database, workload=workload(40), budget="4MB", deadline=30),
        beat=lambda _, asked: told.append(asked),
    )
    assert told
    assert told == sorted(told)
    assert told[-1] <= report.run.explains


def test_when_all_connections_are_lost_the_run_ends_and_says_so(database: str) -> None:
    """With an error that has a remedy."""

    def cut() -> None:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE application_name = %s AND datname = %s",
                (APPLICATION, DATABASE),
            )

    with pytest.raises(TargetUnreachable) as caught:
        advise(
            Request(dsn=database, workload=workload(20), budget="2MB", deadline=120), say=once("round 0", cut)
        )
    assert caught.value.remedy


@pytest.fixture
def doomed(database: str) -> Iterator[str]:
    with psycopg.connect(database, autocommit=True) as connection:
        for table in ("doomed", "lasting"):
            connection.execute(
                f"CREATE TABLE {table} AS SELECT n AS a, n % 50 AS b FROM generate_series(1, 9999) n".encode()
            )
        connection.execute("ANALYZE doomed, lasting")
        yield database
        connection.execute("DROP TABLE IF EXISTS doomed, lasting")


@pytest.mark.parametrize("change", ["DROP TABLE doomed", "ALTER TABLE doomed DROP COLUMN a"])
def test_a_table_that_goes_in_the_middle_costs_the_others_nothing(doomed: str, change: str) -> None:
    """Its statements are named with the reason; the advice on the rest comes, and nobody waited for us."""

    def alter() -> None:
        with psycopg.connect(doomed, autocommit=True) as connection:
            connection.execute("SET lock_timeout = '5s'")
            connection.execute(change.encode())

    report = advise(
        Request(
            dsn=doomed,
            workload="select b from doomed where a = 5; select b from lasting where a = 5",
            budget="10MB",
            deadline=60,
        ),
        say=once("2 statements priced", alter),
    )
    assert [item.relation for item in report.recommendations] == ["public.lasting"]
    (gone,) = report.unpriced
    assert "doomed" in gone.text
    assert "does not exist" in gone.reason


def session_on(database: str) -> tuple[psycopg.Connection[Any], Session]:
    connection = psycopg.connect(database, autocommit=True)
    version = version_of(connection)
    return connection, Session(connection, hypopg=version, version=connection.info.server_version)


def version_of(connection: psycopg.Connection[Any]) -> str:
    installed = installed_hypopg(connection)
    assert installed is not None
    return installed[0]


def standing(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT count(*) FROM hypopg()").fetchone()
    assert row is not None
    return int(row[0])


def on(column: str, table: str = "t0") -> Index:
    return Index(RelationName("public", table), (Key(column),))


def test_an_error_leaves_no_hypothetical_index_behind(database: str) -> None:
    """Whether HypoPG refuses one of a batch or the planner refuses the statement."""
    connection, session = session_on(database)
    good, bad = on("c1"), on("no_such_column")
    fine = Question("fine", "select c2 from t0 where c1 = 5")
    with session:
        with pytest.raises(RejectedIndex) as caught:
            session.price(fine, [good, bad, on("c3")])
        assert caught.value.index == bad
        assert session.price(fine, [good]).used <= {good}
        assert standing(connection) == 1
        with pytest.raises(Unpriceable):
            session.price(Question("broken", "select nothing from t0"), [good, on("c2")])
        assert session.price(fine, []).used == frozenset()
        assert standing(connection) == 0
        # What is immutable is reckoned while the statement is planned.
        connection.execute(
            "CREATE FUNCTION slow() RETURNS integer IMMUTABLE LANGUAGE plpgsql AS"
            " 'BEGIN PERFORM pg_sleep(60); RETURN 1; END'"
        )
        connection.execute("SET statement_timeout = '100ms'")
        with pytest.raises(Unpriceable, match="timeout"):
            session.price(Question("slow", "select c2 from t0 where c1 = slow()"), [good, on("c2")])
        connection.execute("SET statement_timeout = 0")
        session.price(fine, [good])
        assert standing(connection) == 1
    wait_for(lambda: connection.closed, "the session to end")


def test_more_indexes_than_hypopg_has_numbers_for_are_no_error(database: str) -> None:
    """Sizes are asked in batches, and a question stands on at most a thousand."""
    connection = psycopg.connect(database, autocommit=True)
    many = [
        Index(RelationName("public", f"t{table}"), (Key(f"c{one}"), Key(f"c{other}")), include)
        for table in range(_TABLES)
        for one in range(_COLUMNS)
        for other in range(_COLUMNS)
        for include in ((), ("id",), *((f"c{third}",) for third in range(_COLUMNS)))
        if one != other and f"c{one}" not in include and f"c{other}" not in include
    ]
    assert len(many) > 2500
    with connection:
        hypothetical = Hypothetical(connection, version_of(connection), "public")
        sizes = hypothetical.sizes(many)
        assert len(sizes) == len(many)
        assert min(sizes) > 0
        hypothetical.stand(frozenset(many))
        assert standing(connection) == 1000
        hypothetical.reset()
        assert standing(connection) == 0
