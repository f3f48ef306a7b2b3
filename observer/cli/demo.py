"""``observer demo``: everything Observer watches, on this machine, for a look or for a test."""

from __future__ import annotations

import sys
import time
from pathlib import Path  # noqa: TC003 - Typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from observer.cli.typed import run_app, single
from observer.demo.play import Options, description, json_line, parts_of, play

if TYPE_CHECKING:
    from collections.abc import Sequence

# As a shell tells it of a program that Ctrl-C ended.
_INTERRUPTED = 130


def demo(  # noqa: PLR0917 - Typer reads options from parameters
    minutes: Annotated[
        float | None,
        typer.Option(min=0.0, help="End by itself after so many minutes; otherwise Ctrl-C ends it."),
    ] = None,
    users: Annotated[int, typer.Option(min=0, max=500, help="How many simulated users MealSync has.")] = 40,
    scale: Annotated[
        float,
        typer.Option(
            min=0.001, max=10.0, help="Size of the sample data; 1 is up to 1.25 million rows a table."
        ),
    ] = 1.0,
    app: Annotated[
        Literal["spring", "python"] | None,
        typer.Option(help="MealSync in Java or in Python; in Java where Spring Boot can be built."),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Run in this directory and leave it behind, logs and all."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Once everything is up, print its addresses as one line of JSON.")
    ] = False,
) -> None:
    """Start databases, pools, a busy service, Observer, Prometheus, Alertmanager and a stand-in for Slack.

    All on free loopback ports; nothing needs to be set up, and nothing is left behind.
    """
    begin = time.monotonic()

    def progress(line: str) -> None:
        print(f"{time.monotonic() - begin:6.1f} s  {line}", file=sys.stderr, flush=True)

    options = Options(minutes=minutes, users=users, scale=scale, keep=keep, app=app)
    parts = parts_of(options)

    def when_up() -> None:
        progress("everything is up")
        if json:
            print(json_line(parts), flush=True)
            return
        until = "Ctrl-C ends everything." if minutes is None else f"It ends by itself in {minutes:g} minutes."
        print(f"\n{description(parts)}\n\n{until}", flush=True)

    if not play(options, parts=parts, progress=progress, when_up=when_up):
        raise typer.Exit(_INTERRUPTED)


def run(arguments: Sequence[str]) -> int:
    """Run the demo until it ends."""
    return run_app(single(demo), arguments, name="demo")
