"""The folder of fetched servers: outside git, filled once, open to the account that servers run as."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from observer.demo.servers.account import may_enter, ordinary_account
from observer.errors import NotAvailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = "OBSERVER_MATRIX_CACHE"
_STAMP = "complete"


def cache_folder() -> Path:
    """Where everything is kept: ``.cache/matrix`` of the checkout, or what the variable names."""
    return Path(os.environ.get(VARIABLE) or ROOT / ".cache" / "matrix").resolve()


def check_enterable(folder: Path) -> None:
    """Servers run as somebody ordinary, who must be able to reach their programs.

    Raises:
        NotAvailable: They cannot.
    """
    account = ordinary_account()
    for step in (folder, *folder.parents):
        if not may_enter(account, step):
            name = account.name if account else "you"
            raise NotAvailable(
                f"{step} is closed to the user {name}, whom the servers run as",
                remedy=f"Let {VARIABLE} name a folder which all may enter",
            )


def filled(folder: Path, content: str, fill: Callable[[Path], None]) -> Path:
    """``folder``, made by ``fill`` unless it holds that very content already.

    Args:
        folder: Emptied before it is filled; one that was left half filled is filled anew.
        content: What tells one filling from another. The place counts as well: programs remember it.
        fill: Given the empty folder.
    """
    stamp, wanted = folder / _STAMP, f"{folder}\n{content}\n"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    fill(folder)
    stamp.write_text(wanted, encoding="utf-8")
    return folder


def is_filled(folder: Path) -> bool:
    """Whether it was filled to the end, at this place."""
    stamp = folder / _STAMP
    return stamp.exists() and stamp.read_text(encoding="utf-8").startswith(f"{folder}\n")


def command(
    *arguments: str | Path,
    seconds: float,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """What a program prints when it succeeds.

    Raises:
        NotAvailable: It is missing, fails, or takes longer than ``seconds``.
    """
    line: Sequence[str] = [str(argument) for argument in arguments]
    try:
        done = subprocess.run(
            line,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except FileNotFoundError:
        raise NotAvailable(
            f"{line[0]} is not installed", remedy=f"On Debian: apt-get install {line[0]}"
        ) from None
    except subprocess.TimeoutExpired:
        raise NotAvailable(f"{line[0]} did not end within {seconds:g} seconds") from None
    if done.returncode != 0:
        raise NotAvailable(f"{' '.join(line)} failed with status {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout
