"""Looking up the addresses of a name, with a deadline: the system's resolver has none that we could set."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, TypeAlias

from observer.errors import DeadlineExceeded, TargetUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Resolve: TypeAlias = "Callable[[str], Sequence[str]]"
"""Gives the addresses of a name; raises `OSError` when there are none."""


def system_addresses(host: str) -> list[str]:
    """Every A and AAAA record of a name, as the system's resolver gives them.

    Raises:
        OSError: There are none, or they cannot be had.
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))


class Lookup:
    """The addresses of one name, looked up in a thread.

    A resolver that hangs holds one thread and no more: while a lookup is under way, no other is begun. To be
    asked by one thread at a time.

    Args:
        host: A name, or an address, which needs no looking up.
        resolve: Does it, and may take as long as it likes.
    """

    def __init__(self, host: str, resolve: Resolve = system_addresses) -> None:
        self.host = host
        self._resolve = resolve
        self._running: Future[list[str]] | None = None

    def addresses(self, seconds: float) -> list[str]:
        """The addresses; a lookup that is not over in time goes on, and the next call takes its result.

        Raises:
            DeadlineExceeded: The resolver does not answer within ``seconds``.
            TargetUnreachable: The name has no address, or the resolver says that it cannot tell.
        """
        with contextlib.suppress(ValueError):
            return [str(ipaddress.ip_address(self.host))]
        running = self._running
        if running is None:
            running = self._running = Future()
            threading.Thread(
                target=self._look_up, args=(running,), name=f"resolve-{self.host}", daemon=True
            ).start()
        try:
            found = running.result(seconds)
        except FutureTimeoutError:
            raise DeadlineExceeded(f"the resolver does not answer for {self.host}") from None
        except (OSError, UnicodeError) as error:
            self._running = None
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise TargetUnreachable(f"{self.host} cannot be resolved: {reason}") from None
        self._running = None
        if not found:
            raise TargetUnreachable(f"{self.host} cannot be resolved: it has no address")
        return found

    def _look_up(self, running: Future[list[str]]) -> None:
        try:
            running.set_result(list(self._resolve(self.host)))
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            running.set_exception(error)
