"""The stand-in over HTTP: Slack's methods under /api/, scripts under /admin/, and the channel to look at."""

from __future__ import annotations

import json
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from observer.slack.fake.faults import Fault, Script
from observer.slack.fake.validation import Refusal
from observer.slack.fake.workspace import Limited, Workspace

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_PAGE = Path(__file__).with_name("page.html")
_FORM_ONLY = frozenset(
    {"conversations.history", "conversations.replies", "conversations.info", "conversations.list"}
)
"""Methods that read take forms; Slack does not look into a JSON body there."""

_HTML = b"<!DOCTYPE html><html><body><h1>Server Error</h1></body></html>"


class FakeSlack:
    """The stand-in, listening on loopback in a thread of its own.

    Args:
        port: 0 for any free one.

        workspace: What it remembers; a fresh one by default.
    """

    def __init__(self, *, port: int = 0, workspace: Workspace | None = None) -> None:
        self.workspace = workspace or Workspace()
        self.script = Script()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.workspace = self.workspace
        self._server.script = self.script
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="fake-slack", daemon=True
        )

    @property
    def url(self) -> str:
        """Where the channel can be looked at."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    @property
    def base_url(self) -> str:
        """What a client takes as the address of Slack's methods."""
        return f"{self.url}api/"

    def start(self) -> Self:
        """Begin to listen."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    workspace: Workspace
    script: Script

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as socketserver has it
        """Say nothing of those who hang up; of all else, what it was."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/":
            self._send(200, _PAGE.read_bytes(), "text/html; charset=utf-8")
        elif path == "/messages.json":
            self._json(200, self.server.workspace.snapshot())
        elif path == "/admin/audit":
            workspace = self.server.workspace
            calls = [{"at": at, "method": m, "outcome": o} for at, m, o in workspace.calls]
            found = {"duplicates": workspace.duplicates(), "messages": len(workspace.messages())}
            self._json(200, found | {"calls": calls})
        elif path == "/admin/faults":
            self._json(200, [asdict(fault) for fault in self.server.script.pending()])
        elif path.startswith("/api/"):
            self._method(path.removeprefix("/api/"), b"")
        else:
            self._json(404, {"ok": False, "error": "not found"})

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if path.startswith("/api/"):
            self._method(path.removeprefix("/api/"), body)
            return
        try:
            self._admin(path, json.loads(body or b"{}"))
        except (ValueError, TypeError, KeyError) as fault:
            self._json(400, {"ok": False, "error": str(fault)})

    def do_DELETE(self) -> None:
        if urlsplit(self.path).path == "/admin/faults":
            self.server.script.clear()
            self._json(200, {"ok": True})
        else:
            self._json(404, {"ok": False, "error": "not found"})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as http.server has it
        """Say nothing of requests."""

    def _admin(self, path: str, given: dict[str, Any]) -> None:
        workspace = self.server.workspace
        match path:
            case "/admin/faults":
                self.server.script.add(Fault(**given))
            case "/admin/reset":
                self.server.script.clear()
                workspace.forget()
            case "/admin/delete":
                if not workspace.remove(given["ts"]):
                    raise ValueError("no such message")
            case "/admin/channel":
                channel = workspace.channels[given["id"]]
                channel.archived = bool(given.get("archived", channel.archived))
                channel.member = bool(given.get("member", channel.member))
            case _:
                self._json(404, {"ok": False, "error": "not found"})
                return
        self._json(200, {"ok": True})

    def _method(self, method: str, body: bytes) -> None:
        fault = self.server.script.take(method)
        if fault is not None and fault.kind not in {"drop_after", "slow"}:
            self.server.workspace.note(method, fault.kind)
            self._fail(fault)
            return
        status, answer, headers = self._call(method, body)
        if fault is not None and fault.kind == "drop_after":
            self._drop()
            return
        if fault is not None:
            time.sleep(fault.seconds)
        with suppress(OSError):  # whoever asked may have given up
            self._json(status, answer, headers)

    def _call(self, method: str, body: bytes) -> tuple[int, dict[str, Any], dict[str, str]]:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        try:
            arguments = self._arguments(method, body)
            token = token if scheme == "Bearer" else str(arguments.get("token") or "")
            return 200, self.server.workspace.call(method, token, arguments), {}
        except Limited as limited:
            wait = {"Retry-After": str(limited.seconds)}
            return 429, {"ok": False, "error": "ratelimited"}, wait
        except (ValueError, TypeError):
            return 200, {"ok": False, "error": "invalid_arguments"}, {}
        except Refusal as refusal:
            answer: dict[str, Any] = {"ok": False, "error": refusal.error, **refusal.extra}
            if refusal.messages:
                answer["errors"] = [text.removeprefix("[ERROR] ") for text in refusal.messages]
                answer["response_metadata"] = {"messages": list(refusal.messages)}
            return 200, answer, {}

    def _arguments(self, method: str, body: bytes) -> dict[str, Any]:
        arguments: dict[str, Any] = dict(parse_qsl(urlsplit(self.path).query))
        kind = self.headers.get("Content-Type", "")
        if kind.startswith("application/json") and method not in _FORM_ONLY:
            try:
                given = json.loads(body or b"{}")
            except ValueError:
                raise Refusal("invalid_json") from None
            if not isinstance(given, dict):
                raise Refusal("json_not_object")
            arguments |= given
        elif kind.startswith("application/x-www-form-urlencoded"):
            arguments |= dict(parse_qsl(body.decode("utf-8", "replace")))
            for name in ("blocks", "attachments", "metadata"):
                if name in arguments:
                    try:
                        arguments[name] = json.loads(arguments[name])
                    except ValueError:
                        raise Refusal("invalid_arguments", f"[ERROR] {name} is not JSON") from None
        return arguments

    def _fail(self, fault: Fault) -> None:
        match fault.kind:
            case "ratelimited":
                wait = {"Retry-After": str(fault.retry_after)}
                self._json(429, {"ok": False, "error": "ratelimited"}, wait)
            case "http":
                self._send(fault.status, _HTML, "text/html")
            case "error":
                self._json(200, {"ok": False, "error": fault.error})
            case "garbage":
                self._send(200, _HTML, "text/html")
            case _:
                self._drop()

    def _drop(self) -> None:
        """End the connection without a word."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(2)

    def _json(self, status: int, answer: object, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(answer).encode(), "application/json; charset=utf-8", headers)

    def _send(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Cache-Control": "no-store", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
