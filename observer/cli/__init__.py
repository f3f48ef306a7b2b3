"""The command ``observer``. Each family of commands stands in a file of its own and is loaded when called."""

from __future__ import annotations

import contextlib
import importlib
import sys
from typing import TYPE_CHECKING

from observer.errors import ObserverError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COMMANDS = {
    "serve": "Collect, and serve metrics and pages.",
    "check": "Check settings without starting anything.",
    "healthcheck": "Ask a running Observer whether it is well, as containers do.",
    "advise": "Find the indexes that a database lacks, and price them.",
    "sql": "Print SQL for the watched server, such as the role that Observer needs.",
    "generate": "Generate rules, their tests, dashboards and configuration.",
    "dev": "Try Observer out without the real thing: a stand-in for Slack.",
    "demo": "Watch a sample service on servers of its own.",
}
"""By name what each command does; its module in this package has the same name, and an ``app`` in it."""

EXIT_CODES = {
    0: "It went well.",
    1: "It found something: files that differ, a check that failed.",
    2: "The call or an input was wrong.",
    3: "The settings cannot be used.",
    4: "A target cannot be reached, or refuses.",
    70: "An error within Observer.",
    130: "It was interrupted.",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and end the process with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        sys.exit(_run(given))
    except ObserverError as error:
        print(f"observer: {error.sentence}", file=sys.stderr)
        if error.remedy:
            print(error.remedy, file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


def _run(arguments: Sequence[str]) -> int:
    """Serving loads none of what draws terminals, so the commands are told apart before Typer is there."""
    if arguments and arguments[0] in COMMANDS:
        with _without_rich() if arguments[0] == "serve" else contextlib.nullcontext():
            module = importlib.import_module(f"observer.cli.{arguments[0]}")
        return int(module.run(list(arguments[1:])) or 0)
    if arguments and arguments[0] == "version":
        from observer import __version__  # noqa: PLC0415 - read when asked

        print(__version__)
        return 0
    wanted = not arguments or arguments[0] in ("-h", "--help", "help")
    stream = sys.stdout if wanted else sys.stderr
    if not wanted:
        print(f"observer: there is no command {arguments[0]!r}\n", file=stream)
    print("usage: observer COMMAND [OPTIONS]    (observer COMMAND --help tells more)\n", file=stream)
    for name, text in COMMANDS.items():
        print(f"  {name:12} {text}", file=stream)
    print(f"  {'version':12} Print the version.", file=stream)
    return 0 if wanted else 2


@contextlib.contextmanager
def _without_rich() -> Iterator[None]:
    """Let nothing that is loaded meanwhile find Rich.

    structlog (26.1 and before it) loads Rich wherever it is installed, for tracebacks on terminals: five
    megabytes of the serving process for nothing. What Python knows as ``None`` cannot be imported.
    """
    if "rich" in sys.modules:
        yield
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # documented, but not in the type
    try:
        yield
    finally:
        del sys.modules["rich"]
