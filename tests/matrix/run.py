"""A variant's tests, run by pytest in a process of its own, bounded in time; what became of them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from tests.matrix.cache import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.matrix.variants import Variant

LEFT_OUT = ("tests/integration/test_containers.py",)
"""What takes long and depends on no version of a server."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a variant; ``failed`` names tests, or says in words why there is no result."""

    variant: Variant
    passed: int
    failed: tuple[str, ...]
    seconds: float
    log: Path


def run(variant: Variant, *, folder: Path, seconds: float) -> Outcome:
    """Run it.

    Args:
        variant: What, with everything that it needs fetched.
        folder: Takes the log, and links that make its programs the first in PATH.
        seconds: After these it is ended, and has failed.
    """
    programs = folder / f"{variant.key}-programs"
    programs.mkdir(parents=True, exist_ok=True)
    for old in programs.iterdir():
        old.unlink()
    for name, program in variant.programs.items():
        (programs / name).symlink_to(program)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    environment.pop("OBSERVER_TEST_POSTGRES_BIN", None)
    if variant.postgres is not None:
        environment["OBSERVER_TEST_POSTGRES_BIN"] = str(variant.postgres)
    result, log = folder / f"{variant.key}.xml", folder / f"{variant.key}.log"
    result.unlink(missing_ok=True)
    arguments = [
        sys.executable,
        "-m",
        "pytest",
        "--color=no",
        "--durations=15",
        f"--junitxml={result}",
        *variant.tests,
    ]
    arguments += [f"--ignore={path}" for path in LEFT_OUT]
    if variant.marks:
        arguments += ["-m", variant.marks]
    began = time.monotonic()
    with log.open("wb") as output:
        child = subprocess.Popen(
            arguments,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            _end(child)
    passed, failed = _read(result)
    if status is None:
        failed = (*failed, f"not done within {seconds:g} seconds")
    elif status != 0 and not failed:
        failed = (f"pytest ended with status {status}",)
    elif not passed and not failed:
        failed = ("no test was run",)
    return Outcome(variant, passed, failed, time.monotonic() - began, log)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End it as Ctrl-C does, so that it ends its servers, then for sure; do nothing if it has ended."""
    for number in (signal.SIGINT, signal.SIGKILL):
        if child.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=30)


def _read(result: Path) -> tuple[int, tuple[str, ...]]:
    """How many passed, and the names of those that did not."""
    if not result.exists():
        return 0, ()
    passed, failed = 0, []
    for case in ET.parse(result).getroot().iter("testcase"):
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            failed.append(f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}")
        elif "skipped" not in kinds:
            passed += 1
    return passed, tuple(dict.fromkeys(failed))
