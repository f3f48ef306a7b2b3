"""What can go wrong with the store, and SQLite's codes translated into it."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from observer.errors import ConfigurationError, Kind, ObserverError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class StoreUnavailable(ObserverError):  # noqa: N818 - reads as a state wherever it is shown
    """The store cannot be read or written right now; nothing of the failed write was kept."""

    code = "store-unavailable"
    kind = Kind.RETRYABLE


class StoreDamaged(ObserverError):  # noqa: N818 - reads as a state wherever it is shown
    """The file is not a store that can be read any more."""

    code = "store-damaged"


class StoreTooNew(ObserverError):  # noqa: N818 - reads as a state wherever it is shown
    """The file was written by a later version of Observer."""

    code = "store-too-new"


class StoreUnsuitable(ConfigurationError):  # noqa: N818 - reads as a state wherever it is shown
    """The place chosen for the store cannot keep its promises."""

    code = "store-unsuitable"


_REMEDIES = {
    sqlite3.SQLITE_FULL: ("the disk is full", "Free space on its volume, or lower the store's size."),
    sqlite3.SQLITE_READONLY: ("it is read-only", "Make the file and its directory writable for Observer."),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", "Check that the directory exists and is writable."),
    sqlite3.SQLITE_PERM: ("access is refused", "Make the file and its directory writable for Observer."),
    sqlite3.SQLITE_IOERR: ("the disk reports an error", "Check the volume and the kernel's log."),
    sqlite3.SQLITE_BUSY: ("another program holds it locked", "End the other program that uses the file."),
    sqlite3.SQLITE_LOCKED: ("it is locked", "End the other program that uses the file."),
}
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_RESTORE = "Move the file away and restore a backup, or start with an empty store."


def translated(fault: BaseException, path: Path | str) -> ObserverError | None:
    """The store's word for a driver's error, or None when the fault is a mistake in the statement.

    Extended codes such as ``SQLITE_IOERR_WRITE`` carry the primary code in their low byte.
    """
    for link in _chain(fault):
        told = _told(link, path)
        if told is not None:
            return told
    return None


def _chain(fault: BaseException) -> Iterator[BaseException]:
    """The fault and what it hides: a full disk ends the transaction, and then its savepoint cannot end."""
    link: BaseException | None = fault
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__


def _told(fault: BaseException, path: Path | str) -> ObserverError | None:
    origin = getattr(fault, "orig", fault)
    extended = getattr(origin, "sqlite_errorcode", None)
    if extended is None:
        return None
    primary = extended & 0xFF
    if primary in _DAMAGE:
        return StoreDamaged(f"The store {path} is damaged ({origin}).", remedy=_RESTORE)
    if primary in _REMEDIES:
        state, remedy = _REMEDIES[primary]
        return StoreUnavailable(f"The store {path} cannot be used: {state} ({origin}).", remedy=remedy)
    return None
