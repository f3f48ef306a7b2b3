"""Directories of demos that were killed: found by the lock that nobody holds any more, and removed."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOCK = "in-use"
# A directory this young may belong to a demo that has not taken its lock yet.
_YOUNG_SECONDS = 60.0


@contextmanager
def in_use(directory: Path) -> Iterator[None]:
    """Hold the lock of a directory; the kernel lets go of it however we end."""
    with (directory / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def sweep(root: Path, *, prefix: str) -> list[Path]:
    """Remove what killed demos left in ``root``, and say which directories that were.

    Nothing is removed that a living demo uses, that belongs to somebody whose files we may not write, or that
    has no lock of ours in it.
    """
    return [path for path in root.glob(f"{prefix}*") if _abandoned(path) and _removed(path)]


def _abandoned(path: Path) -> bool:
    try:
        young = time.time() - path.lstat().st_mtime < _YOUNG_SECONDS
        if young or path.is_symlink():
            return False
        descriptor = os.open(path / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _removed(path: Path) -> bool:
    shutil.rmtree(path, ignore_errors=True)
    return not path.exists()
