"""Files for psql, run as a person runs them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from observer.demo.servers import PostgresServer


def run_file(server: PostgresServer, database: str, text: str) -> subprocess.CompletedProcess[str]:
    """Run a file that stops at its first error; what came of it."""
    return subprocess.run(
        [
            str(server.bin_dir / "psql"),
            "--no-psqlrc",
            "--set",
            "ON_ERROR_STOP=1",
            "--file",
            "-",
            server.dsn(database),
        ],
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
