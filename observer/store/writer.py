"""The one thread through which every write goes: a transaction each, answered after its COMMIT."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.exc import DBAPIError

from observer.store.errors import StoreUnavailable, translated

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection, Engine

T = TypeVar("T")
_Item = tuple["Callable[[Connection], Any]", "Future[Any]"]

GROUP = 64
"""Writes that may share one COMMIT. Each still succeeds or fails alone, in a savepoint of its own."""

WAITING = 10_000
"""Writes that may wait. Beyond that the caller is told at once instead of filling the memory."""


class Writer:
    """Runs functions of a connection as transactions, in the order they were handed in.

    While one COMMIT waits for the disk, the writes that arrive meanwhile queue up; they then share the next
    COMMIT, so that throughput grows with load instead of being one fsync per write.
    """

    def __init__(self, *, engine: Engine, path: Path) -> None:
        self._engine = engine
        self._path = path
        self._queue: queue.Queue[_Item | None] = queue.Queue(maxsize=WAITING)
        self._closed = False
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Connection], T]) -> Future[T]:
        """Queue a write. The future is done after COMMIT, with the function's answer or its error."""
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise StoreUnavailable(f"The store {self._path} is closed.")
            try:
                self._queue.put_nowait((work, future))
            except queue.Full:
                raise StoreUnavailable(
                    f"The store {self._path} is too slow: {WAITING} writes are waiting.",
                    remedy="Put it on a faster volume.",
                ) from None
        return future

    def close(self) -> None:
        """Finish what is queued, then end the thread."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        closing = False
        while not closing:
            first = self._queue.get()
            if first is None:
                break
            items = [first]
            while len(items) < GROUP:
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
                if item is None:
                    closing = True
                    break
                items.append(item)
            self._transact([i for i in items if i[1].set_running_or_notify_cancel()])
        self._drop_connection()

    def _transact(self, items: list[_Item]) -> None:
        answers: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            connection = self._connected()
            with connection.begin():
                for work, future in items:
                    try:
                        with connection.begin_nested():
                            answer = work(connection)
                    except Exception as fault:
                        if _fatal(fault):
                            raise
                        answers.append((future, None, fault))
                    else:
                        answers.append((future, answer, None))
        except Exception as fault:  # noqa: BLE001 - nothing was committed: every caller must hear of it
            self._drop_connection()
            told = translated(fault, self._path) or fault
            for _, future in items:
                future.set_exception(told)
            return
        for future, answer, failure in answers:
            if failure is None:
                future.set_result(answer)
            else:
                future.set_exception(translated(failure, self._path) or failure)

    def _connected(self) -> Connection:
        # A file opened before the disk filled up or was remounted may keep failing: each failure drops the
        # connection, and the next write opens the file anew.
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _drop_connection(self) -> None:
        if self._connection is None:
            return
        connection, self._connection = self._connection, None
        try:
            connection.close()
        except DBAPIError:
            connection.invalidate()


def _fatal(fault: BaseException) -> bool:
    """Whether a fault ended the whole transaction and not only its savepoint."""
    return translated(fault, "") is not None
