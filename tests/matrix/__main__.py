"""``python -m tests.matrix``: the same promises on every version of the servers, as a table."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from observer.errors import ObserverError
from tests.matrix import debian, postgres
from tests.matrix.cache import cache_folder, check_enterable
from tests.matrix.run import Outcome, run
from tests.matrix.variants import variants

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.matrix.variants import Variant

SECONDS = 1500.0
"""What a variant may take; on two idle cores the longest takes a tenth of that."""


def main() -> int:
    """Fetch, run, tell; 0 when everything passed, 1 when not, 2 when a server cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="VARIANT", help="run these alone (all)")
    parser.add_argument("--list", action="store_true", help="name the variants and run none")
    parser.add_argument("--fetch", action="store_true", help="fetch the servers and run nothing")
    given = parser.parse_args()
    cache = cache_folder()
    known = [variant.key for variant in variants(cache)]
    if given.list:
        print("\n".join(known))
        return 0
    if unknown := set(given.only) - set(known):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    chosen = given.only or known
    try:
        fetch(cache, [variant for variant in variants(cache) if variant.key in chosen])
    except ObserverError as error:
        print(f"matrix: {error.sentence}\n{error.remedy}".rstrip(), file=sys.stderr)
        return 2
    if given.fetch:
        return 0
    outcomes = []
    for variant in variants(cache):
        if variant.key in chosen:
            print(f"{variant.name}: ", end="", file=sys.stderr, flush=True)
            outcome = run(variant, folder=cache / "results", seconds=SECONDS)
            outcomes.append(outcome)
            print(f"{word(outcome)}, {outcome.seconds:.0f} s", file=sys.stderr)
    print(table(outcomes))
    return int(any(outcome.failed for outcome in outcomes))


def fetch(cache: Path, chosen: Sequence[Variant]) -> None:
    """Bring what these variants need and what is not there yet.

    Raises:
        ObserverError: It cannot be had.
    """
    cache.mkdir(parents=True, exist_ok=True)
    check_enterable(cache)
    needed = frozenset[str]().union(*(variant.needs for variant in chosen))
    for one in postgres.locked():
        if f"postgres-{one.major}" in needed:
            postgres.fetch(one, cache)
    if "debian" in needed:
        debian.fetch(cache)


def word(outcome: Outcome) -> str:
    """The result in a few words."""
    return f"{outcome.passed} passed, {len(outcome.failed)} failed"


def table(outcomes: Sequence[Outcome]) -> str:
    """The outcomes as a Markdown table, and below it each failure with the log that tells of it."""
    lines = ["| variant | passed | failed | seconds |", "|---|--:|--:|--:|"]
    lines += [
        f"| {one.variant.name} | {one.passed} | {len(one.failed)} | {one.seconds:.0f} |" for one in outcomes
    ]
    for one in outcomes:
        if one.failed:
            lines += ["", f"{one.variant.name}, see {one.log}:", *(f"  {name}" for name in one.failed)]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
