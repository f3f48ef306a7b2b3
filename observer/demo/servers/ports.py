"""Free ports on the loopback interface."""

from __future__ import annotations

import random
import socket
from pathlib import Path

from observer.errors import NotAvailable

_LOWEST = 15_000
_LINUX_DEFAULT = 32_768
_ATTEMPTS = 500


def free_port(*, host: str = "127.0.0.1") -> int:
    """A port nobody listens on.

    It lies below the range from which the kernel serves outgoing connections: a port out of that range may be
    taken by anybody's connection between this answer and the start of the server.
    """
    chooser = random.SystemRandom()
    highest = _first_ephemeral() - 1
    for _ in range(_ATTEMPTS):
        port = chooser.randint(min(_LOWEST, highest - 1000), highest)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise NotAvailable(f"{host}: no free port found in {_ATTEMPTS} attempts")


def _first_ephemeral() -> int:
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError):
        return _LINUX_DEFAULT
    return first if first > _LOWEST else _LINUX_DEFAULT
