"""``deploy/install-debian`` on a machine that has everything, as each run of ``make demo`` finds it."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "install-debian"


def test_nothing_missing_is_silent_and_quick() -> None:
    """With all servers installed the script says nothing, and takes less than a second."""
    begin = time.monotonic()
    done = subprocess.run([SCRIPT], capture_output=True, text=True, check=True, timeout=30)
    assert (done.stdout, done.stderr) == ("", "")
    assert time.monotonic() - begin < 1.0


def test_an_unknown_option_is_refused() -> None:
    """A misspelt option shows the usage and installs nothing."""
    done = subprocess.run([SCRIPT, "--browsers"], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert "--browser " in done.stderr
