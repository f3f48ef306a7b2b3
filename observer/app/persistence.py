"""Opens the store beside the serving, again and again until it can, and runs what needs it."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import structlog

from observer.errors import ObserverError
from observer.store.errors import StoreUnavailable
from observer.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

RETRY_SECONDS = 15.0
STOP_SECONDS = 6.0
FILE = "observer.db"

_log = structlog.get_logger(__name__)


class Service(Protocol):
    """What lives on the store."""

    def stop(self) -> object:
        """End within a bound."""


class Persistence:
    """The store, and the services that need it. Neither holds up the exporter, nor takes it down.

    Args:
        path: Of the store's file; its directory is made.

        services: Each is given the store once it is open, and starts what lives on it.
    """

    def __init__(self, path: Path, services: Sequence[Callable[[Store], Service]]) -> None:
        self.path = path
        self._services = tuple(services)
        self._running: list[Service] = []
        self._stopping = threading.Event()
        self._store: Store | None = None
        self._fault: ObserverError | None = None
        self._thread = threading.Thread(target=self._open, name="persistence", daemon=True)

    @property
    def fault(self) -> ObserverError | None:
        """Why the store is not open; None when it is, or is being opened for the first time."""
        return self._fault

    @property
    def opened(self) -> Store | None:
        """The store, once it is open."""
        return self._store

    def store(self) -> Store:
        """The store.

        Raises:
            StoreUnavailable: It is not open.
        """
        if self._store is not None:
            return self._store
        if self._fault is not None:
            raise StoreUnavailable(self._fault.sentence, remedy=self._fault.remedy)
        raise StoreUnavailable("The store is being opened.", remedy="Try again in a moment.")

    def start(self) -> None:
        """Begin to open it, without waiting."""
        self._thread.start()

    def stop(self) -> None:
        """End the services, then close the store."""
        self._stopping.set()
        self._thread.join(timeout=STOP_SECONDS)
        for service in reversed(self._running):
            service.stop()
        if self._store is not None:
            self._store.close()

    def _open(self) -> None:
        while not self._stopping.is_set():
            try:
                self._begin()
            except ObserverError as fault:
                if self._fault is None or self._fault.sentence != fault.sentence:
                    _log.error("store.unavailable", reason=fault.sentence, remedy=fault.remedy)
                self._fault = fault
            else:
                self._fault = None
                return
            self._stopping.wait(RETRY_SECONDS)

    def _begin(self) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as fault:
            raise StoreUnavailable(
                f"The store's directory {self.path.parent} cannot be made: {fault.strerror}.",
                remedy="Set store.path, or STATE_DIRECTORY, to where Observer may write.",
            ) from fault
        if self._store is None:
            store = Store(self.path)
            try:
                # A file with the numbers and reports of a team is nobody else's.
                self.path.chmod(0o600)
            except OSError:
                _log.warning("store.permissions", path=str(self.path))
            self._store = store
        for start in self._services[len(self._running) :]:
            if self._stopping.is_set():
                return
            self._running.append(start(self._store))


def store_path(chosen: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """Where the store lies: as chosen, else in the state directory that systemd gives, else in the user's."""
    if chosen is not None:
        return chosen
    # systemd separates several by colons; the first is ours.
    given = environment.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given) / FILE
    home = environment.get("XDG_STATE_HOME", "")
    # The specification says that a relative path is to be ignored.
    base = Path(home) if home.startswith("/") else Path(environment.get("HOME", "/")) / ".local" / "state"
    return base / "observer" / FILE
