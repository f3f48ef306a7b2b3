"""The store: opens the file for this process alone, and hands out the writer and readers."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy.exc import DBAPIError

from observer.store.engine import reading, writing
from observer.store.errors import StoreUnavailable, StoreUnsuitable, translated
from observer.store.filesystem import refuse_network
from observer.store.upgrade import upgrade
from observer.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from sqlalchemy import Connection

T = TypeVar("T")

WRITE_SECONDS = 30.0
MIGRATION_SECONDS = 120.0
DEFAULT_BOUND = 500 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Bytes: of the file, of what in it is in use, and of the log beside it."""

    file: int
    used: int
    log: int
    free_pages: int


class Store:
    """Observer's state in one SQLite file. Every write is durable when it returns.

    Args:
        path: The file; it is created, and migrated to this version's shape.

    Raises:
        StoreUnsuitable: On a network file system, or in use by another process.
        StoreUnavailable: Cannot be opened or written.
        StoreDamaged: Not a store, or a damaged one.
        StoreTooNew: Written by a later version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        refuse_network(path.parent)
        self._lock = _locked(path)
        try:
            upgrade(path, seconds=MIGRATION_SECONDS)
            self._write_engine = writing(path)
            self._read_engine = reading(path)
            self._writer = Writer(engine=self._write_engine, path=path)
            try:
                self.write(_touch)
            except BaseException:
                self._writer.close()
                raise
        except BaseException:
            os.close(self._lock)
            raise

    def submit(self, work: Callable[[Connection], T]) -> Future[T]:
        """Run ``work`` as a transaction in the writer thread; the future is done after COMMIT."""
        return self._writer.submit(work)

    def write(self, work: Callable[[Connection], T]) -> T:
        """As :meth:`submit`, and wait for it."""
        try:
            return self.submit(work).result(timeout=WRITE_SECONDS)
        except TimeoutError:
            raise StoreUnavailable(
                f"The store {self.path} did not answer within {WRITE_SECONDS:.0f} s.",
                remedy="Check the volume: a commit waits for it.",
            ) from None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot of the last commit, for reading only."""
        try:
            with self._read_engine.connect() as connection, connection.begin():
                yield connection
        except DBAPIError as fault:
            told = translated(fault, self.path)
            if told is None:
                raise
            raise told from fault

    def size(self) -> Size:
        """How big the store is."""
        with self.read() as connection:
            page = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            free = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
        log = self.path.with_name(self.path.name + "-wal")
        return Size(
            file=pages * page,
            used=(pages - free) * page,
            log=log.stat().st_size if log.exists() else 0,
            free_pages=free,
        )

    def close(self) -> None:
        """Finish the queued writes and let go of the file. Harmless when repeated."""
        if self._lock < 0:
            return
        self._writer.close()
        self._read_engine.dispose()
        self._write_engine.dispose()
        os.close(self._lock)
        self._lock = -1


def _touch(connection: Connection) -> None:
    """Write and take back, so that a read-only volume is found at start and not at the first alert."""
    connection.exec_driver_sql("CREATE TABLE writable (x INTEGER)")
    connection.exec_driver_sql("DROP TABLE writable")


def _locked(path: Path) -> int:
    """Hold a lock beside the file for as long as the process lives; the kernel drops it on any death."""
    lock = path.with_name(path.name + ".lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as fault:
        raise StoreUnavailable(
            f"The store {path} cannot be opened: {fault.strerror}.",
            remedy="Check that the directory exists and is writable for Observer.",
        ) from fault
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as fault:
        os.close(descriptor)
        raise StoreUnsuitable(
            f"The store {path} is in use by another Observer.",
            remedy="End the other process, or give this one a store of its own.",
        ) from fault
    return descriptor
