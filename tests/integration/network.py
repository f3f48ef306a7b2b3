"""Networks that misbehave on purpose: a listener that never answers, and a proxy that can be cut."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class BlackHole:
    """A TCP listener that accepts every connection and never sends a byte."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.host: str = "127.0.0.1"
        self.port: int = self._listener.getsockname()[1]
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, name="black hole", daemon=True)

    @property
    def connections(self) -> int:
        """How many connections it ever accepted."""
        return len(self._held)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._held.append(connection)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closing alone does not wake a thread that waits in accept().
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        for connection in self._held:
            connection.close()


class TcpProxy:
    """A TCP proxy on a port of its own, whose wire can be held, cut or taken away.

    - `pause`: connections stay open and new ones are accepted, but no byte passes; `resume` lets them pass.
    - `cut`: every open connection is reset; new ones work.
    - `refuse`: nobody listens any more, and every open connection is reset; `accept` listens again.
    """

    def __init__(self, host: str, port: int, *, at: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        self._upstream = (host, port)
        self._listener: socket.socket | None = None
        self.host, self.port = at
        self.accepted = 0
        self._paused = False
        self._lock = threading.Lock()
        self._links: list[_Link] = []

    def pause(self) -> None:
        """Let no byte pass."""
        self._hold(held=True)

    def resume(self) -> None:
        """Let bytes pass, the held ones first."""
        self._hold(held=False)

    def cut(self) -> None:
        """Reset every open connection; they are reset when this returns."""
        with self._lock:
            links, self._links = self._links, []
        for link in links:
            link.cut()

    def refuse(self) -> None:
        """Close the port and every open connection."""
        listener, self._listener = self._listener, None
        if listener is not None:
            # Closing alone does not wake a thread that waits in accept().
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut()

    def accept(self) -> None:
        """Listen, on the same port as before."""
        if self._listener is None:
            self._listener = socket.create_server((self.host, self.port), backlog=128)
            self.port = self._listener.getsockname()[1]
            threading.Thread(target=self._serve, args=(self._listener,), name="proxy", daemon=True).start()

    def _hold(self, *, held: bool) -> None:
        with self._lock:
            self._paused = held
            for link in self._links:
                link.hold(held=held)

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._upstream, timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            with self._lock:
                self.accepted += 1
                self._links = [link for link in self._links if link.open]
                self._links.append(_Link(client, server, held=self._paused))

    def __enter__(self) -> Self:
        self.accept()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.refuse()


class _Link:
    """One proxied connection: a thread that copies both ways."""

    def __init__(self, client: socket.socket, server: socket.socket, *, held: bool) -> None:
        self._other = {client: server, server: client}
        self._held = held
        self._doomed = False
        # Closing a socket does not wake a thread that waits for it in select(), a byte on this pair does.
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._copy, name="proxy link", daemon=True)
        self._thread.start()

    @property
    def open(self) -> bool:
        return self._thread.is_alive()

    def hold(self, *, held: bool) -> None:
        self._held = held
        self._poke()

    def cut(self) -> None:
        self._doomed = True
        self._poke()
        self._thread.join(1)
        if self.open:  # it waits in sendall() for a peer that does not read
            for end in self._other:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            self._thread.join(5)

    def _poke(self) -> None:
        with contextlib.suppress(OSError):
            self._wake.send(b"!")

    def _copy(self) -> None:
        try:
            while not self._doomed:
                watched = [self._woken] if self._held else [self._woken, *self._other]
                readable, _, _ = select.select(watched, [], [])
                if self._woken in readable:
                    self._woken.recv(4096)
                    continue
                for source in readable:
                    data = source.recv(65_536)
                    if not data:
                        return
                    self._other[source].sendall(data)
        except OSError:
            return
        finally:
            for end in self._other:
                if self._doomed:
                    with contextlib.suppress(OSError):
                        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                end.close()
            self._wake.close()
            self._woken.close()
