"""Running a command that is written with Typer: its usage errors are shown, its exit code is handed on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def run_app(app: typer.Typer, arguments: Sequence[str], *, name: str) -> int:
    """The exit code of a call of ``observer NAME ARGUMENTS``."""
    try:
        code = app(args=list(arguments), prog_name=f"observer {name}", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return 130
    return code if isinstance(code, int) else 0


def single(function: Callable[..., None]) -> typer.Typer:
    """An app of one command that needs no name."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(function)
    return app
