"""``deploy/install-debian`` on a machine that has everything, as each run of ``make demo`` finds it."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "install-debian"


def test_nothing_missing_is_silent_and_quick() -> None:
    """With all servers installed the script says nothing, and takes less than a second of a processor."""
    begin = _spent_by_children()
    done = subprocess.run([SCRIPT], capture_output=True, text=True, check=True, timeout=30)
    assert (done.stdout, done.stderr) == ("", "")
    assert _spent_by_children() - begin < 1.0


def _spent_by_children() -> float:
    """Seconds; how long it took on a busy machine would say nothing of the script."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def test_an_unknown_option_is_refused() -> None:
    """A misspelt option shows the usage and installs nothing."""
    done = subprocess.run([SCRIPT, "--browsers"], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert "--browser " in done.stderr
