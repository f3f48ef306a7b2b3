"""A user's own queries against a real server: both forms, every database, and what a bad one costs."""

from __future__ import annotations

import re
import subprocess
import sys
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from observer.cli.sql import role_script
from tests.conditions import wait_for
from tests.serving import BRISK, ROOT, Serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from observer.demo.servers import PostgresServer

DATABASES = ("custom_shop", "custom_depot")
ROLE = "custom_observer"

ORDERS_SQL = """
/*
prefix: shop_orders_
labels: [state]
metrics:
  count: {gauge: Orders by state.}
*/
SELECT state, count(*) FROM public.orders GROUP BY state
"""

PUBLISHED = """
pg_replication:
  query: "SELECT CASE WHEN NOT pg_is_in_recovery() THEN 0 ELSE 1 END AS lag"
  master: true
  metrics:
    - lag: {usage: "GAUGE", description: "Replication lag behind master in seconds"}
pg_stat_user_tables:
  query: |
    SELECT current_database() datname, schemaname, relname, seq_scan, n_live_tup AS live,
           last_vacuum AS vacuumed
      FROM pg_stat_user_tables
  metrics:
    - datname: {usage: "LABEL", description: "Name of current database"}
    - schemaname: {usage: "LABEL", description: "Name of the schema"}
    - relname: {usage: "LABEL", description: "Name of this table"}
    - seq_scan: {usage: "COUNTER", description: "Sequential scans"}
    - live: {usage: "GAUGE", description: "Live rows"}
    - vacuumed: {usage: "GAUGE", description: "Last vacuum"}
pg_stat_statements:
  query: |
    SELECT queryid, sum(calls) AS calls, sum(total_exec_time) / 1000 AS time_seconds
      FROM pg_stat_statements GROUP BY 1
  master: true
  cache_seconds: 30
  metrics:
    - queryid: {usage: "LABEL", description: "Query ID"}
    - calls: {usage: "COUNTER", description: "Number of times executed"}
    - time_seconds: {usage: "COUNTER", description: "Total time spent"}
shop_ages:
  query: |
    SELECT ARRAY[60, 3600] AS seconds, ARRAY[count(*) FILTER (WHERE age <= 60), count(*)] AS seconds_bucket,
           sum(age) AS seconds_sum, count(*) AS seconds_count FROM orders
  metrics:
    - seconds: {usage: "HISTOGRAM", description: "Age of orders"}
shop_doubled:
  query: "SELECT state, 1 AS n FROM orders"
  metrics:
    - state: {usage: LABEL, description: State}
    - n: {usage: COUNTER, description: Orders}
shop_later:
  query: "SELECT 1 AS n"
  runonserver: ">=99.0.0"
  metrics:
    - n: {usage: GAUGE, description: Nothing yet}
"""

BAD = """
shop_missing:
  query: "SELECT count(*) AS n FROM no_such_table"
  metrics: [{n: {usage: GAUGE, description: N}}]
shop_writes:
  query: "INSERT INTO orders VALUES ('open', 1) RETURNING 1 AS n"
  metrics: [{n: {usage: GAUGE, description: N}}]
shop_two:
  query: "SELECT 1 AS n; SELECT 2 AS n"
  metrics: [{n: {usage: GAUGE, description: N}}]
shop_locked:
  query: "SELECT count(*) AS n FROM locked"
  metrics: [{n: {usage: GAUGE, description: N}}]
shop_words:
  query: "SELECT 'many' AS n"
  metrics: [{n: {usage: GAUGE, description: N}}]
"""


@pytest.fixture(scope="module")
def server(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """The shared server with a shop's database and another one, and a role that may read their tables."""
    for name in DATABASES:
        postgres.create_database(name, extensions=("pg_stat_statements",))
        with postgres.connect(name) as connection:
            connection.execute("CREATE TABLE orders (state text, age int)")
            connection.execute("INSERT INTO orders VALUES ('open', 30), ('open', 90), ('sent', 10)")
            connection.execute("CREATE TABLE locked ()")
            connection.execute(role_script(ROLE).encode())
            connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {ROLE}".encode())
            connection.execute(f"GRANT INSERT ON orders TO {ROLE}".encode())
    yield postgres
    for name in DATABASES:
        postgres.execute("postgres", f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]  # a constant
    postgres.execute("postgres", f"DROP ROLE {ROLE}")  # type: ignore[arg-type]  # a constant


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "queries"
    made.mkdir()
    (made / "orders.sql").write_text(ORDERS_SQL)
    (made / "queries.yaml").write_text(dedent(PUBLISHED))
    return made


def config(server: PostgresServer, folder: Path) -> dict[str, object]:
    databases = {"interval": "1s", "include": list(DATABASES)}
    target = {
        "name": "shop",
        "dsn": server.dsn(DATABASES[0], user=ROLE),
        "databases": databases,
        "queries": [str(folder)],
    }
    return {"postgres": [target], "scrape": BRISK}


def test_both_forms_give_their_metrics_and_the_page_stays_valid(
    server: PostgresServer, folder: Path, tmp_path: Path
) -> None:
    """Values are the tables' own; what tells databases apart runs in each; doubles become one sample."""
    with Serving(tmp_path, config(server, folder)) as observer:
        observer.wait_up("shop")
        wait_for(
            lambda: (
                {labels["datname"] for labels, _ in observer.page().samples("pg_stat_user_tables_live")}
                == set(DATABASES)
            ),
            "tables of both databases",
            seconds=20,
        )
        page = observer.fresh("shop")
        assert page.value("shop_orders_count", state="open") == 2
        assert page.value("pg_replication_lag") == 0
        assert page.value("shop_ages_seconds_bucket", le="60.0") == 2
        assert page.value("shop_ages_seconds_sum") == 130
        assert page.value("shop_doubled_n", state="open") == 2
        # Observer's own counter ends with _total, and its reader takes the one name for the other.
        assert re.search(r'^pg_stat_statements_calls\{queryid="-?\d+"\} [1-9]', page.text, re.MULTILINE)
        assert page.value("pg_stat_user_tables_live", datname=DATABASES[1], relname="orders") >= 0
        assert not page.samples("pg_stat_user_tables_vacuumed")
        assert not page.samples("shop_later_n")
        assert page.value("pg_scrape_collector_success", collector="shop_doubled") == 1
        scans = page.samples("pg_stat_user_tables_seq_scan", datname=DATABASES[0], relname="orders")
        assert len(scans) == 1
        lines = [line.rpartition(" ")[0] for line in page.text.splitlines() if line[:1] != "#"]
        assert len(lines) == len(set(lines))
        checked = subprocess.run(
            ["promtool", "check", "metrics"], input=page.text, capture_output=True, text=True, check=False
        )
        assert "error while linting" not in checked.stderr


def test_a_bad_query_costs_itself_alone(server: PostgresServer, folder: Path, tmp_path: Path) -> None:
    """A missing table, a write, two statements, a lock, words for a number: each is told, nothing is done."""
    (folder / "bad.yml").write_text(BAD)
    with (
        server.connect(DATABASES[0]) as holder,
        holder.transaction(),
        Serving(tmp_path, config(server, folder)) as observer,
    ):
        holder.execute("LOCK TABLE locked IN ACCESS EXCLUSIVE MODE")
        observer.wait_up("shop")
        page = observer.fresh("shop")
        assert page.value("shop_orders_count", state="open") == 2
        bad = ("shop_missing", "shop_writes", "shop_two", "shop_locked", "shop_words")
        for name in bad:
            assert page.value("pg_scrape_collector_success", collector=name) == 0, name
        told = str(observer.status("shop")["faults"])
        for words in ("no_such_table", "read-only", "multiple commands", "a lock was not", "no GAUGE"):
            assert words in told
    with server.connect(DATABASES[0]) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (3,)


def test_check_tells_what_is_dear_and_what_is_wrong(
    server: PostgresServer, folder: Path, tmp_path: Path
) -> None:
    """Before anything is started; a fault names file and line, and ends with the exit code of settings."""
    dsn = server.dsn(DATABASES[0], user=ROLE)
    settings = tmp_path / "observer.yml"
    settings.write_text(f"postgres:\n  - dsn: {dsn}\n    queries: [{folder}]\n")

    def check() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "observer", "check", "--config", str(settings)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    fine = check()
    assert fine.returncode == 0
    assert "pg_stat_statements reads pg_stat_statements with all texts" in fine.stderr
    assert "pg_stat_user_tables_seq_scan" in fine.stderr
    (folder / "wrong.yaml").write_text("a:\n  query: SELECT 1\n  metrics:\n    - n: {usage: GUAGE}\n")
    wrong = check()
    assert wrong.returncode == 3
    assert "wrong.yaml:4: a: n: the usage 'GUAGE' is not one" in wrong.stderr
