"""What ``observer generate`` writes for the demo: everything shortened so that it shows in minutes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import observer
from observer.demo.servers.process import ServerFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

FACTOR = "0.1"
"""Of every waiting time and range."""


def generate(what: Sequence[str], directory: Path, **parameters: str) -> Path:
    """Run ``observer generate WHAT --out DIRECTORY`` as a user would.

    Args:
        what: A sub-command and its own options.
        directory: Where the files go.
        parameters: Of the site, by name.

    Raises:
        ServerFailed: It failed; the message holds its words.
    """
    arguments = [sys.executable, "-m", "observer", "generate", *what, "--out", str(directory)]
    for name, value in parameters.items():
        arguments += ["--set", f"{name}={value}"]
    done = subprocess.run(
        [*arguments, "--for-scale", FACTOR, "--range-scale", FACTOR],
        env=os.environ | {"PYTHONPATH": str(Path(observer.__file__).resolve().parents[1])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise ServerFailed(f"observer generate failed: {done.stderr.strip()}")
    return directory
