"""Programs of this package as children: whom they can run as, and how they find their code."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import observer
from observer.demo.servers.account import make_directory
from observer.demo.servers.process import ServerFailed, ServerProcess, run_as

if TYPE_CHECKING:
    import signal
    from collections.abc import Sequence

    from observer.demo.parts.part import Stage
    from observer.demo.servers import Account

_SOURCE = Path(observer.__file__).resolve().parents[1]


def program(
    stage: Stage,
    *,
    name: str,
    folder: str,
    arguments: Sequence[str],
    death_signal: signal.Signals,
) -> ServerProcess:
    """``python ARGUMENTS``, not yet started, in a folder of its own on the stage.

    It runs as the stage's account where that account can read this interpreter and this package, and as
    ourselves where it cannot, as with an interpreter below the home of root.
    """
    account = stage.account if _readable_to(stage.account, directory=stage.directory) else None
    directory = make_directory(stage.directory / folder, account)
    return ServerProcess(
        name=name,
        arguments=(sys.executable, *arguments),
        directory=directory,
        log=directory / "log",
        account=account,
        death_signal=death_signal,
        environment={"PYTHONPATH": str(_SOURCE), "PYTHONUNBUFFERED": "1"},
    )


def _readable_to(account: Account | None, *, directory: Path) -> bool:
    if account is None:
        return True
    # That it starts is not enough: cut off from its own library, an interpreter may find another one's.
    identity = "import os, sys; print(sys.version, os.__file__)"
    probe = (
        f"import sys; sys.path.insert(0, {str(_SOURCE)!r}); import observer.demo, psycopg, yaml; {identity}"
    )
    try:
        told = run_as(account, (sys.executable, "-c", probe), directory=directory, seconds=30)
    except ServerFailed:
        return False
    return told.split() == f"{sys.version} {os.__file__}".split()
