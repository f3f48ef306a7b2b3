"""Cutting a connection off under a driver that waits on it."""

from __future__ import annotations

import contextlib
import os
import socket


def sever(descriptor: int) -> None:
    """Shut a socket down, so that whoever waits on it sees its end. Bears a descriptor that is gone.

    Works on a duplicate: closing that leaves the driver's own descriptor alone.
    """
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as line:
        line.shutdown(socket.SHUT_RDWR)
