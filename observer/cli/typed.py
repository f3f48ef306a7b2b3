"""Running a command that is written with Typer: its usage errors are shown, its exit code is handed on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


# Later versions of Typer carry a copy of Click: what is raised is the base of Typer's own public error.
_USAGE_FAULT = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")


def run_app(app: typer.Typer, arguments: Sequence[str], *, name: str) -> int:
    """The exit code of a call of ``observer NAME ARGUMENTS``."""
    try:
        code = app(args=list(arguments), prog_name=f"observer {name}", standalone_mode=False)
    except typer.Abort:
        return 130
    except Exception as error:
        if not isinstance(error, _USAGE_FAULT):
            raise
        fault: typer.BadParameter = error  # type: ignore[assignment]  # what is used is its base's
        fault.show()
        return fault.exit_code
    return code if isinstance(code, int) else 0


def single(function: Callable[..., None]) -> typer.Typer:
    """An app of one command that needs no name."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(function)
    return app
