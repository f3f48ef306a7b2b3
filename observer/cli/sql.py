"""``observer sql``: SQL for a person to read and run on the watched server."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from observer.targets.role import EXPLAIN_RIGHTS, role_script

if TYPE_CHECKING:
    from collections.abc import Sequence


def run(arguments: Sequence[str]) -> int:
    """Print a script."""
    parser = argparse.ArgumentParser(prog="observer sql", description="Print SQL for the watched server.")
    commands = parser.add_subparsers(required=True, metavar="WHAT")
    role = commands.add_parser(
        "role",
        help="the role that Observer needs, with the least rights",
        description="Prints a script for psql that can be run again. Set the password with \\password.",
    )
    role.add_argument("--name", default="observer", help="name of the role (observer)")
    role.add_argument(
        "--explain",
        choices=EXPLAIN_RIGHTS,
        default="none",
        help="how the planner may be asked about your tables, for index advice",
    )
    role.add_argument("--schema", action="append", default=[], help="for --explain schema; repeatable")
    given = parser.parse_args(arguments)
    print(role_script(given.name, explain=given.explain, schemas=given.schema), end="")
    return 0
