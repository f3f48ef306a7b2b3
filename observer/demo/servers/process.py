"""One child process: started as an ordinary user, watched, ended by its id, and never left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING

from observer.errors import NotAvailable, ObserverError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from observer.demo.servers.account import Account

_PAUSE = 0.02
_TAIL_LINES = 15


class ServerFailed(ObserverError):  # noqa: N818 - reads as a state wherever it is shown
    """A server did not start, or ended by itself."""

    code = "server-failed"


class ServerProcess:
    """A child that cannot outlive us.

    ``setpriv`` changes the user and asks the kernel to signal the child when we die, even by SIGKILL. The
    kernel means the *thread* that made the child; so each child has a thread that makes it, waits for it and
    reaps it.

    Args:
        name: How errors call it.

        arguments: Program and arguments.

        directory: Working directory and HOME of the child.

        log: File that takes what the child writes.

        account: Whom to run it as; ``None`` means ourselves.

        death_signal: What the kernel sends the child when we are gone.

        environment: Added to a minimal environment; nothing of ours is inherited but PATH.
    """

    def __init__(
        self,
        *,
        name: str,
        arguments: Sequence[str],
        directory: Path,
        log: Path,
        account: Account | None = None,
        death_signal: signal.Signals = signal.SIGKILL,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.arguments = tuple(arguments)
        self.directory = directory
        self.log = log
        self.account = account
        self.death_signal = death_signal
        self.environment = dict(environment or {})
        self._started: Future[subprocess.Popen[bytes]] | None = None
        self._keeper: threading.Thread | None = None

    @property
    def pid(self) -> int:
        """Process id.

        Raises:
            ServerFailed: It was never started.
        """
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._keeper is not None and self._keeper.is_alive()

    @property
    def exit_status(self) -> int | None:
        """As ``subprocess`` tells it: minus the signal's number when one ended it, ``None`` while it runs."""
        return None if self._started is None else self._child.returncode

    def start(self) -> None:
        """Start the child; it is not ready yet."""
        if self.running:
            raise ServerFailed(f"{self.name} runs already, as process {self.pid}")
        started: Future[subprocess.Popen[bytes]] = Future()
        keeper = threading.Thread(target=self._keep, args=(started,), name=f"{self.name} keeper", daemon=True)
        # A signal handler may raise at any point from here on: what is to be stopped is known first.
        self._started, self._keeper = started, keeper
        keeper.start()
        started.result()

    def wait_until(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Return once ``ready`` says so.

        Raises:
            ServerFailed: The child ended, or was not ready in time; the error shows the end of its log.
        """
        end = time.monotonic() + seconds
        while not ready():
            if not self.running:
                raise ServerFailed(
                    f"{self.name} ended with status {self.exit_status} before it was ready\n{self.tail()}"
                )
            if time.monotonic() > end:
                raise ServerFailed(f"{self.name} was not ready within {seconds:g} seconds\n{self.tail()}")
            time.sleep(_PAUSE)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the child itself; nothing happens when it is gone."""
        if self.running:
            self._child.send_signal(number)

    def wait(self, *, seconds: float) -> bool:
        """Whether the child ended within that time."""
        if self._keeper is not None:
            self._keeper.join(seconds)
        return not self.running

    def stop(self, *signals: signal.Signals, seconds: float = 10.0) -> None:
        """End the child: each signal in turn, SIGTERM when none is named, at last SIGKILL to its group."""
        for number in signals or (signal.SIGTERM,):
            self.send(number)
            if self.wait(seconds=seconds):
                return
        self.kill()

    def kill(self) -> None:
        """End the child and its process group at once."""
        if self.running:
            try:
                os.killpg(self._child.pid, signal.SIGKILL)
            except ProcessLookupError:
                self._child.kill()
        if not self.wait(seconds=10):
            raise ServerFailed(f"{self.name}: process {self.pid} survives SIGKILL")

    def tail(self) -> str:
        """The last lines the child wrote."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        return "\n".join(lines[-_TAIL_LINES:])

    @property
    def _child(self) -> subprocess.Popen[bytes]:
        if self._started is None:
            raise ServerFailed(f"{self.name} was not started")
        return self._started.result()

    def _keep(self, started: Future[subprocess.Popen[bytes]]) -> None:
        try:
            with self.log.open("ab") as log:
                child = subprocess.Popen(
                    (*self._prefix(), *self.arguments),
                    cwd=self.directory,
                    env=self._environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            started.set_exception(ServerFailed(f"{self.name} cannot be started: {error}"))
            return
        except ObserverError as error:
            started.set_exception(error)
            return
        started.set_result(child)
        child.wait()

    def _prefix(self) -> tuple[str, ...]:
        return ("setpriv", *account_options(self.account), f"--pdeathsig={self.death_signal.name[3:]}", "--")

    def _environment(self) -> dict[str, str]:
        return minimal_environment(self.directory) | self.environment


def end_of(process: ServerProcess) -> str | None:
    """Why a process does not run any more, with the end of its log; ``None`` while it runs."""
    if process.running:
        return None
    return f"ended with status {process.exit_status}\n{process.tail()}"


def account_options(account: Account | None) -> tuple[str, ...]:
    """What makes ``setpriv`` run its program as ``account``."""
    if account is None:
        return ()
    return (f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups")


def minimal_environment(home: Path) -> dict[str, str]:
    """An environment in which servers behave alike on every machine."""
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }


def run_as(account: Account | None, arguments: Sequence[str], *, directory: Path, seconds: float) -> str:
    """Run a program to its end as ``account`` and return what it wrote.

    Raises:
        ServerFailed: It failed, or took longer than ``seconds``.
    """
    command = ("setpriv", *account_options(account), "--pdeathsig=KILL", "--", *arguments)
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            env=minimal_environment(directory),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ServerFailed(f"{arguments[0]} did not end within {seconds:g} seconds") from error
    except OSError as error:
        raise ServerFailed(f"{arguments[0]} cannot be started: {error}") from error
    if done.returncode != 0:
        raise ServerFailed(f"{arguments[0]} failed with status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def find_program(*names: str, package: str) -> str:
    """The path of the first program that is installed, also where an ordinary user's PATH does not look.

    Raises:
        NotAvailable: None is.
    """
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin:/usr/bin:/usr/local/bin"
    for name in names:
        found = shutil.which(name, path=path)
        if found is not None:
            return found
    raise NotAvailable(
        f"{names[0]} is not installed",
        remedy=f"deploy/install-debian installs it (Debian package {package})",
    )
