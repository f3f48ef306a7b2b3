"""A replica is reached by its address and addressed by its service's name, in the clear and with TLS."""

from __future__ import annotations

import contextlib
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from observer.deadlines import Deadline
from observer.errors import TargetUnreachable
from observer.targets.actuator import ActuatorAddress, ActuatorSession, Credentials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "mealsync-app.test"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        said = f"{self.headers['host']} {self.headers['authorization']} {self.path}".encode()
        self.send_response(200)
        self.send_header("content-type", "text/plain")
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class has it so
        """Say nothing."""


@contextlib.contextmanager
def served(context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server on a loopback address of its own, which tells what it was asked; its port."""
    server = ThreadingHTTPServer(("127.0.0.2", 0), _Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for the service's name alone, and its key in the same file."""
    directory = tmp_path_factory.mktemp("tls")
    key, chain = directory / "key.pem", directory / "chain.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subject = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    subprocess.run(
        [*command, *subject, "-keyout", str(key), "-out", str(chain)], check=True, capture_output=True
    )
    both = directory / "both.pem"
    both.write_text(chain.read_text("ascii") + key.read_text("ascii"), encoding="ascii")
    return both


def told(url: str, *, credentials: Credentials | None = None, connect_to: str = "127.0.0.2") -> str:
    session = ActuatorSession(ActuatorAddress.parse(url), credentials=credentials, connect_to=connect_to)
    with contextlib.closing(session):
        deadline = Deadline(20, "asking")
        first = session.get("/page?a=b", deadline).text
        assert session.get("/page?a=b", deadline).text == first, "over the kept connection too"
    return first


def test_the_service_is_called_by_its_name() -> None:
    """Virtual hosts and proxies before the replica tell by it whom it is for."""
    with served() as port:
        assert told(f"http://{NAME}:{port}/") == f"{NAME}:{port} None /page?a=b"


def test_credentials_are_sent() -> None:
    """A username comes before a token, as in the settings' order."""
    with served() as port:
        url = f"http://{NAME}:{port}/"
        assert " Bearer t0ken " in told(url, credentials=Credentials(bearer=lambda: "t0ken"))
        basic = Credentials("ann", lambda: "secret", lambda: "t0ken")
        assert " Basic YW5uOnNlY3JldA== " in told(url, credentials=basic)
        assert " Basic YW5uOmlubGluZQ== " in told(f"http://ann:inline@{NAME}:{port}/")


def test_the_certificate_is_held_against_the_name(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address is nobody's name; and a service of another name is not spoken to."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    names: list[str | None] = []
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _line, name, _context: names.append(name)
    with served(context) as port:
        assert told(f"https://{NAME}:{port}/").startswith(f"{NAME}:{port} ")
        assert names == [NAME]
        with pytest.raises(TargetUnreachable, match="certificate"):
            told(f"https://elsewhere.test:{port}/")


def test_a_name_without_a_replica_is_looked_up() -> None:
    """A plain URL goes through the resolver that it is given."""
    with served() as port:
        address = ActuatorAddress.parse(f"http://{NAME}:{port}/")
        # The first address takes no connection: 127.0.0.3 has nobody on this port.
        session = ActuatorSession(address, resolve=lambda _: ["127.0.0.3", "127.0.0.2"])
        with contextlib.closing(session):
            assert session.get("/x", Deadline(20, "asking")).text.startswith(f"{NAME}:{port} ")
