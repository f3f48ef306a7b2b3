"""What comes of advice outside the advisor: the child process, the command, every form of a report."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import psycopg
import pytest
import typer
from typer.testing import CliRunner

from observer.advisor.advise import advise
from observer.advisor.report import from_document
from observer.advisor.request import Request
from observer.cli import main
from observer.cli.advise import advise as advise_command
from observer.errors import Malformed, TargetUnreachable
from observer.reports.indexes import html, markdown
from observer.reports.indexes import json as json_form
from observer.reports.indexes import sql as sql_form

if TYPE_CHECKING:
    from pathlib import Path

    from observer.demo.servers import PostgresServer

DATABASE = "advised_in_every_form"


@pytest.fixture(scope="module")
def database(postgres: PostgresServer, hypopg: None) -> str:  # noqa: ARG001 - it is there
    """Of a role that may read and nothing else: its DSN, for a database with one table."""
    postgres.create_database(DATABASE, extensions=("hypopg", "pg_stat_statements"))
    with psycopg.connect(postgres.dsn(DATABASE), autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE recipes (id bigint PRIMARY KEY, user_id bigint NOT NULL, name text NOT NULL);"
            "INSERT INTO recipes SELECT n, n % 2000, 'recipe ' || n FROM generate_series(1, 40000) n"
        )
        connection.execute("VACUUM ANALYZE recipes")
        connection.execute("CREATE ROLE reader_of_forms LOGIN PASSWORD 'reader-password'")
        connection.execute("GRANT pg_monitor, pg_read_all_data TO reader_of_forms")
    return psycopg.conninfo.make_conninfo(
        postgres.dsn(DATABASE), user="reader_of_forms", password="reader-password"
    )


def test_the_child_answers_in_json_and_every_form_is_made_of_it(database: str) -> None:
    """Request in, result out, progress on standard error; no password and no value of the data in any."""
    request = Request(dsn=database, workload="select * from recipes where name = $1 and user_id = 12345")
    done = subprocess.run(
        [sys.executable, "-m", "observer.advisor"],
        input=request.model_dump_json(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    report = from_document(json.loads(done.stdout)["report"])
    assert "statements" in done.stderr
    page, text = html.render(report), markdown.render(report)
    assert json.loads(json_form.render(report))["schema_version"] == 1
    for form in (page, text, done.stdout, sql_form.render(report)):
        assert "reader-password" not in form
        assert "12345" not in form
        assert "recipe 1" not in form
    assert "<script" not in page
    assert "http" not in page


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--budget", "lots"], 2, "budget"),
        (["--deadline", "soon"], 2, "deadline"),
        (["--workload", "no-such-file.sql"], 2, "no-such-file.sql"),
    ],
)
def test_the_command_says_what_is_wrong(
    database: str, arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where, what and how to mend it; exit codes are those of the errors."""
    with pytest.raises(SystemExit) as ended:
        main(["advise", database, *arguments])
    assert ended.value.code == code
    sentence, remedy = capsys.readouterr().err.splitlines()[-2:]
    assert words in sentence
    assert remedy


def test_the_command_writes_every_form(database: str, tmp_path: Path) -> None:
    """By the ending of the file or by --format."""
    workload = tmp_path / "workload.sql"
    workload.write_text("-- weight: 3\nselect * from recipes where user_id = 7;", encoding="utf-8")
    for name, begins in (
        ("r.html", "<!doctype html>"),
        ("r.md", "# Index"),
        ("r.json", "{"),
        ("r.sql", "-- Build 1 index"),
    ):
        done = CliRunner().invoke(
            command(), [database, "--workload", str(workload), "-o", str(tmp_path / name), "--budget", "50MB"]
        )
        assert done.exit_code == 0, done.stderr
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(begins)
    shown = CliRunner().invoke(command(), [database, "--workload", str(workload), "--format", "sql"])
    assert "CREATE INDEX CONCURRENTLY recipes_user_id_idx ON public.recipes (user_id);" in shown.stdout


def test_reports_are_rendered_without_the_parser() -> None:
    """The serving process shows them and must not load it."""
    forms = ", ".join(f"observer.reports.indexes.{form}" for form in ("html", "sql", "json", "markdown"))
    program = f"import sys, {forms}; print([m for m in ('postgast', 'psycopg', 'typer') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def command() -> typer.Typer:
    app = typer.Typer()
    app.command()(advise_command)
    return app


def test_a_request_that_is_none_and_a_server_that_is_not_there_are_told_apart() -> None:
    """Each with its own exit code, and without the password."""
    child = [sys.executable, "-m", "observer.advisor"]
    malformed = subprocess.run(
        child,
        input='{"dsn": "password=hush", "budget": 5}',
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert malformed.returncode == 2
    assert "hush" not in malformed.stdout + malformed.stderr
    with pytest.raises(Malformed) as caught:
        advise(Request(dsn="password=hush nonsense", workload="select 1"))
    assert "hush" not in str(caught.value)
    with pytest.raises(TargetUnreachable):
        advise(Request(dsn="host=127.0.0.1 port=1 dbname=x user=y", workload="select 1"))
