"""SIGHUP: settings are read anew, and a faulty file leaves those in force that are.

The process replaces itself (execve) as it was started, with the same process id, and hands its listening
socket on: who asks meanwhile waits in the socket's queue and is not refused. So nothing in the house need
know how to change while it works; what must outlive a start does so anyway.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import structlog

from observer.config.units import host_and_port
from observer.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CHECK_SECONDS = 60.0
"""How long the check of the new settings may take."""

_HANDED_ON = "OBSERVER_LISTENING_SOCKET"
"""Set for the successor alone: number of the socket, and where it listens."""

_log = structlog.get_logger(__name__)


def listening(listen: str) -> socket.socket:
    """A listening socket: that of the predecessor, or a new one.

    Raises:
        ConfigurationError: The port is taken, for example; told before anything is started.
    """
    number, _, place = os.environ.pop(_HANDED_ON, "").partition(" ")
    if number:
        handed_on = socket.socket(fileno=int(number))
        handed_on.set_inheritable(False)
        if place == listen:
            return handed_on
        handed_on.close()
    host, port = host_and_port(listen)
    try:
        return socket.create_server(
            (host, port),
            family=socket.AF_INET6 if ":" in host else socket.AF_INET,
            backlog=128,
        )
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {listen}: {os.strerror(error.errno or 0)}",
            remedy="Choose another port with --listen, or end what holds this one.",
        ) from None


class Reload:
    """What happens at a SIGHUP. One check runs at a time; after a further signal it is made again.

    Args:
        arguments: Those of ``observer serve``.
        listener: Kept open over the end of the server.
        place: Where it listens, as in the settings.
        settled: Told whether the new settings can be used.
        end: Ends the server in good order.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        listener: socket.socket,
        place: str,
        settled: Callable[[bool], None],
        end: Callable[[], None],
    ) -> None:
        self._arguments = tuple(arguments)
        self._listener = listener.dup()
        self._place = place
        self._settled = settled
        self._end = end
        self._terminal = os.isatty(sys.stderr.fileno())
        self._asked = threading.Event()
        self.granted = False
        """Whether the process is to replace itself once the server has ended."""
        threading.Thread(target=self._watch, name="reload", daemon=True).start()

    def ask(self) -> None:
        """A signal came; returns at once."""
        if self._terminal and not os.isatty(sys.stderr.fileno()):
            # The terminal is gone, which tells its processes to end.
            self._end()
        else:
            self._asked.set()

    def _watch(self) -> None:
        while not self.granted:
            self._asked.wait()
            self._asked.clear()
            fault = self._fault()
            if not self._asked.is_set():
                self._settle(fault)

    def _settle(self, fault: str) -> None:
        self._settled(not fault)
        if fault:
            _log.error(
                "settings.refused",
                reason=fault,
                remedy="The settings of before stay in force. Mend these and send SIGHUP again.",
            )
            return
        _log.info("settings.reload")
        self.granted = True
        self._end()

    def _fault(self) -> str:
        """Why the new settings cannot be used; empty when they can. Asked of a process of its own."""
        try:
            checked = subprocess.run(
                [sys.executable, "-m", "observer", "check", *self._arguments],
                capture_output=True,
                text=True,
                timeout=CHECK_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"they could not be checked: {error}"
        if checked.returncode != 0:
            return checked.stderr.strip() or f"the check ended with {checked.returncode}"
        _, _, place = checked.stdout.partition("\n")[0].partition(" ")
        return self._moved(place.strip())

    def _moved(self, place: str) -> str:
        """Why one cannot listen at another place, if there is one; empty when one can."""
        if place == self._place:
            return ""
        try:
            moved = listening(place)
        except ConfigurationError as error:
            return error.sentence
        self._listener.close()
        self._listener, self._place = moved, place
        return ""

    def replace(self) -> None:
        """Become the successor: does not return."""
        # What is ignored stays so until the successor listens to it; by default the signal would end it.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._listener.set_inheritable(True)
        os.environ[_HANDED_ON] = f"{self._listener.fileno()} {self._place}"
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - no shell is wanted
