"""Waiting for a condition with a deadline, and looking for processes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def wait_for(condition: Callable[[], bool], what: str | Callable[[], str], *, seconds: float = 60.0) -> None:
    """Return once the condition holds; fail when it does not within that time, saying what was awaited."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end:
            said = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {seconds:g} seconds: {said}")
        time.sleep(0.05)


def processes_below(directory: Path) -> list[str]:
    """Command lines of the processes whose working directory lies in ``directory``."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            cwd = (entry / "cwd").readlink()
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it ended meanwhile
            continue
        if cwd.is_relative_to(directory):
            found.append(line)
    return found
