"""``observer advise``: index advice for one database, from one command."""

from __future__ import annotations

import enum
import re
import sys
from pathlib import Path  # noqa: TC003 - Typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from observer.cli.typed import run_app, single
from observer.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from observer.advisor.report import IndexReport

_CLEAR = "\r\x1b[K"
_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


class Form(enum.StrEnum):
    """Forms of the report."""

    HTML = "html"
    MARKDOWN = "md"
    JSON = "json"
    SQL = "sql"


class Measure(enum.StrEnum):
    """What a statement counts by."""

    TIME = "time"
    CALLS = "calls"
    BLOCKS = "blocks"


class SizeModel(enum.StrEnum):
    """Who estimates sizes."""

    CORRECTED = "corrected"
    HYPOPG = "hypopg"


class Predicates(enum.StrEnum):
    """Which predicates a partial index may have."""

    NONE = "none"
    NULLS = "nulls"
    CONSTANTS = "constants"


def advise(  # noqa: PLR0917 - each is an option of the command
    dsn: Annotated[
        str, typer.Argument(help="The database, as a URL or key=value pairs.", envvar="OBSERVER_ADVISE_DSN")
    ],
    workload: Annotated[
        Path | None,
        typer.Option(
            help="Statements separated by ';', each with an optional '-- weight: N' before it."
            " Otherwise pg_stat_statements is read."
        ),
    ] = None,
    budget: Annotated[
        str,
        typer.Option(
            help="Storage for all new indexes: 500MB, 2GB, or a share of the database such as 10%."
            " Otherwise a tenth of the database, at least 100 MB."
        ),
    ] = "",
    max_width: Annotated[int, typer.Option(min=1, max=8, help="Most key columns of an index.")] = 3,
    max_indexes: Annotated[int, typer.Option(min=0, help="Most indexes; 0 for any number.")] = 0,
    deadline: Annotated[str, typer.Option(help="When to end with the best found so far: 60s, 5m.")] = "60s",
    form: Annotated[
        Form | None, typer.Option("--format", help="Otherwise by the ending of -o, or Markdown.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A file; otherwise standard output.")
    ] = None,
    weigh: Annotated[
        Measure,
        typer.Option(help="What a statement of pg_stat_statements counts by; without a workload file."),
    ] = Measure.TIME,
    sample_dsn: Annotated[
        str,
        typer.Option(
            help="A scratch database on another server: what HypoPG cannot price is tried out there on"
            " samples of the tables, in a transaction that is never committed.",
            envvar="OBSERVER_ADVISE_SAMPLE_DSN",
        ),
    ] = "",
    size_model: Annotated[
        SizeModel, typer.Option(help="'corrected' knows that B-trees merge equal keys; HypoPG does not.")
    ] = SizeModel.CORRECTED,
    partial: Annotated[
        Predicates, typer.Option(help="Partial indexes: none, on NULLs and booleans, or on constants too.")
    ] = Predicates.CONSTANTS,
) -> None:
    """Find the indexes that a workload lacks, price them, and say what each one costs.

    Reads only; nothing is built.
    """
    from observer.advisor.advise import advise as compute  # noqa: PLC0415 - the parser is loaded for this command alone
    from observer.advisor.request import Request  # noqa: PLC0415 - see above

    report = compute(
        Request(
            dsn=dsn,
            workload=_read(workload) if workload else None,
            weigh=weigh.value,
            sample_dsn=sample_dsn,
            budget=budget,
            max_width=max_width,
            max_indexes=max_indexes,
            deadline=_seconds(deadline),
            size_model=size_model.value,
            partial=partial.value,
        ),
        say=_say,
        beat=_beat(_seconds(deadline)),
    )
    text = _render(report, form or _form_of(output))
    if output:
        _write(output, text)
    else:
        sys.stdout.write(text)
    if not report.hypopg:
        print(f"warning: {report.nothing_because}", file=sys.stderr)


def _say(line: str) -> None:
    print(f"{_CLEAR}{line}" if sys.stderr.isatty() else line, file=sys.stderr, flush=True)


def _beat(deadline: float) -> Callable[[float, int], None]:
    """On a terminal, one line that is written over; elsewhere nothing."""
    if not sys.stderr.isatty():
        return lambda *_: None

    def beat(seconds: float, questions: int) -> None:
        line = f"{seconds:.0f} s of {deadline:.0f} s, the planner was asked {questions:,} times"
        print(f"{_CLEAR}{line}", end="", file=sys.stderr, flush=True)

    return beat


def run(arguments: Sequence[str]) -> int:
    """Advise once."""
    return run_app(single(advise), arguments, name="advise")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Malformed(
            f"the report cannot be written to {path}: {error.strerror}",
            remedy="give a place that is writable",
        ) from error


def _render(report: IndexReport, form: Form) -> str:
    from observer.reports.indexes import html, json, markdown, sql  # noqa: PLC0415 - see above

    forms = {
        Form.HTML: html.render,
        Form.MARKDOWN: markdown.render,
        Form.JSON: json.render,
        Form.SQL: sql.render,
    }
    return forms[form](report)


def _form_of(output: Path | None) -> Form:
    try:
        return Form(output.suffix.lstrip(".").lower()) if output else Form.MARKDOWN
    except ValueError:
        return Form.MARKDOWN


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise Malformed(
            f"the workload file {path} cannot be read: {reason}", remedy="give a readable SQL file"
        ) from error


def _seconds(text: str) -> float:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", text.lower())
    if match is None or match.group(2) not in _SECONDS or float(match.group(1)) <= 0:
        raise Malformed(f"the deadline {text!r} is not understood", remedy="write for example 60s or 5m")
    return float(match.group(1)) * _SECONDS[match.group(2)]
