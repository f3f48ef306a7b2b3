"""Whom the servers run as, and the private directories they run in."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from observer.errors import NotAvailable

if TYPE_CHECKING:
    from collections.abc import Iterator

_CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """An ordinary user of the operating system."""

    name: str
    uid: int
    gid: int


def ordinary_account() -> Account | None:
    """Whom to run servers as: somebody ordinary when we are root, ourselves (``None``) otherwise.

    PostgreSQL and PgBouncer refuse to run as root.
    """
    if os.geteuid() != 0:
        return None
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise NotAvailable(
        "servers must not run as root, and none of the users " + ", ".join(_CANDIDATES) + " exists",
        remedy="run as an ordinary user",
    )


def hand_over(path: Path, account: Account | None) -> None:
    """Make ``account`` the owner of one file or directory."""
    if account is not None:
        os.chown(path, account.uid, account.gid)


def make_directory(path: Path, account: Account | None) -> Path:
    """Create a directory that only ``account`` may enter; it may exist already."""
    path.mkdir(mode=0o700, exist_ok=True)
    hand_over(path, account)
    return path


def write_file(path: Path, text: str, account: Account | None, *, mode: int = 0o600) -> Path:
    """Write a file that only ``account`` may read; it is never readable to others, not even for a moment."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    hand_over(path, account)
    return path


def may_enter(account: Account | None, directory: Path) -> bool:
    """Whether ``account`` may pass through an existing directory; we ourselves always may."""
    if account is None:
        return True
    status = directory.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    return bool(status.st_mode & (stat.S_IXGRP if status.st_gid == account.gid else stat.S_IXOTH))


@contextmanager
def private_directory(*, prefix: str = "observer-", account: Account | None = None) -> Iterator[Path]:
    """A fresh directory that ``account`` owns, removed with all it holds at the end.

    Servers of another user cannot live below a directory of ours (pytest's ``tmp_path`` is closed to others),
    so it stands in the system's temporary directory itself.
    """
    path = Path(tempfile.mkdtemp(prefix=prefix, dir=_temporary_root(account)))
    hand_over(path, account)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _temporary_root(account: Account | None) -> Path:
    root = Path(tempfile.gettempdir()).resolve()
    if all(may_enter(account, step) for step in (root, *root.parents)):
        return root
    return Path("/tmp")  # noqa: S108 - the one place which every account can reach; mkdtemp makes the name safe
