"""What all servers have in common: a port, a directory, a start that waits, a stop that is sure."""

from __future__ import annotations

import http.client
import signal
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from observer.demo.servers.process import ServerFailed, ServerProcess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from observer.demo.servers.account import Account


class Server(ABC):
    """A server of our own on the loopback interface; a context manager that starts and stops it."""

    name: ClassVar[str]
    host: ClassVar[str] = "127.0.0.1"
    death_signal: ClassVar[signal.Signals] = signal.SIGKILL

    def __init__(self, *, directory: Path, port: int, account: Account | None) -> None:
        self.directory = directory
        self.port = port
        self.account = account
        self._process: ServerProcess | None = None

    @abstractmethod
    def arguments(self) -> Sequence[str]:
        """Program and arguments that run it in the foreground."""

    def environment(self) -> Mapping[str, str]:
        """What is added to a minimal environment."""
        return {}

    @abstractmethod
    def ready(self) -> bool:
        """Whether it serves; asked repeatedly while it starts, so it must not wait for over a second."""

    @property
    def log(self) -> Path:
        return self.directory / "log"

    @property
    def process(self) -> ServerProcess:
        """The running child.

        Raises:
            ServerFailed: It was never started.
        """
        if self._process is None:
            raise ServerFailed(f"{self.name} was not started")
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    def start(self, *, seconds: float = 30.0) -> Self:
        """Start and wait until it serves; nothing is left behind when it does not.

        Raises:
            ServerFailed: It ended, or did not serve within ``seconds``.
        """
        self._process = ServerProcess(
            name=self.name,
            arguments=self.arguments(),
            directory=self.directory,
            log=self.log,
            account=self.account,
            death_signal=self.death_signal,
            environment=self.environment(),
        )
        self._process.start()
        try:
            self._process.wait_until(self.ready, seconds=seconds)
        except BaseException:
            self._process.kill()
            raise
        return self

    def stop(self) -> None:
        """End it in its own way, and by force when that takes too long; may be called at any time."""
        if self._process is not None:
            self._process.stop()

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()

    def restart(self) -> None:
        """Stop and start on the same port with the same data."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        return self if self.running else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def answers(url: str) -> bool:
    """Whether a GET of ``url``, which is plain HTTP, succeeds at once.

    Asked many times a second while a server starts: richer clients read certificates each time, and take the
    processor from the very server that is waited for.
    """
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=1.0)
    try:
        connection.request("GET", f"{parts.path or '/'}{'?' * bool(parts.query)}{parts.query}")
        return 200 <= connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
