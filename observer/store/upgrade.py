"""Brings a store file to this version's shape, in a child process so that the server never loads Alembic."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

from observer.store.errors import StoreDamaged, StoreTooNew, StoreUnavailable, translated
from observer.store.revisions import HEAD, REVISIONS

if TYPE_CHECKING:
    from pathlib import Path


def revision(path: Path) -> str | None:
    """The revision of a store file; None for a file that is missing or empty.

    Raises:
        StoreDamaged: The file is not a database, or a database of something else.
        StoreUnavailable: The file cannot be read.
    """
    if not path.exists() or path.stat().st_size == 0:
        return None
    try:
        connection = sqlite3.connect(path, timeout=5.0)
        try:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            if not tables:
                return None
            if "alembic_version" not in tables:
                raise StoreDamaged(
                    f"The file {path} is a database, but not a store of Observer.",
                    remedy="Give Observer a file of its own.",
                )
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as fault:
        raise translated(fault, path) or StoreUnavailable(
            f"The store {path} cannot be read ({fault})."
        ) from fault
    return None if row is None else str(row[0])


def upgrade(path: Path, *, seconds: float) -> None:
    """Migrate the file to :data:`HEAD`; nothing is started when it is there already.

    Raises:
        StoreTooNew: The file has a revision that this version does not know.
        StoreUnavailable: The migration failed or took too long; being a transaction, it left the file alone.
    """
    found = revision(path)
    if found == HEAD:
        return
    if found is not None and found not in REVISIONS:
        raise StoreTooNew(
            f"The store {path} has revision {found}; this version of Observer knows up to {HEAD}.",
            remedy="Run the later version of Observer again, or start with an empty store.",
        )
    try:
        child = subprocess.run(
            [sys.executable, "-m", "observer.store.migrate", str(path)],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as fault:
        raise StoreUnavailable(f"Migrating the store {path} took over {seconds:.0f} s.") from fault
    if child.returncode != 0:
        said = child.stderr.strip().splitlines()
        raise StoreUnavailable(
            f"The store {path} could not be migrated: {said[-1] if said else 'no reason given'}",
            remedy="Check that its directory is writable and has room.",
        )
