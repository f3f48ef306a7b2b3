"""The HTTP service: routes requests to endpoints, times them, and shows its meters."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, urlsplit

import psycopg
from psycopg_pool import PoolTimeout

from observer.demo.workload import desk
from observer.demo.workload.desk import Reply, start_fault
from observer.demo.workload.endpoints import ENDPOINTS, Endpoint, answer
from observer.demo.workload.meters import Family, Labels, Timer, render, timer_families

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from observer.demo.workload.cache import AsideCache
    from observer.demo.workload.faults import FaultDesk
    from observer.demo.workload.pool import MeasuredPool

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0)
_OUTCOMES = {2: "SUCCESS", 4: "CLIENT_ERROR", 5: "SERVER_ERROR"}
_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Service(Protocol):
    """What answers requests."""

    def handle(self, method: str, target: str) -> Reply:
        """Answer one request; never raises."""


class MealSync:
    """The service without its sockets: a request goes in, a reply comes out, and is counted.

    Args:
        pool: Connections to the database.

        cache: Answers that may be a little old.

        faults: What ``/demo/fault`` starts.

        application: Spring's common tag ``application``.
    """

    def __init__(
        self, *, pool: MeasuredPool, cache: AsideCache, faults: FaultDesk, application: str = "mealsync"
    ) -> None:
        self._pool = pool
        self._cache = cache
        self._faults = faults
        self._common: Labels = (("application", application),)
        self._routes = [(_pattern(endpoint), endpoint) for endpoint in ENDPOINTS]
        self._timers: dict[Labels, Timer] = {}
        self._lock = threading.Lock()

    def handle(self, method: str, target: str) -> Reply:
        """Answer one request; never raises."""
        begin = time.monotonic()
        reply = self._route(method, target)
        self._timer(method, reply).record(time.monotonic() - begin)
        return reply

    def exposition(self, included: frozenset[str] | None = None) -> str:
        """All meters as Prometheus text."""
        with self._lock:
            timers = dict(self._timers)
        families: Sequence[Family] = [
            *self._pool.families(),
            *timer_families(
                "http_server_requests_seconds", "Duration of HTTP requests", timers, kind="histogram"
            ),
        ]
        return render(families, common=self._common, included=included)

    def _route(self, method: str, target: str) -> Reply:
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query))
        match method, parts.path:
            case "GET", "/actuator/prometheus":
                names = query.get("includedNames")
                included = frozenset(names.split(",")) if names else None
                return Reply(200, self.exposition(included), parts.path, content_type=_TEXT)
            case "GET", "/actuator/health":
                return Reply(200, '{"status":"UP"}', parts.path)
            case "POST", desk.URI:
                return start_fault(self._faults, query)
        for pattern, endpoint in self._routes:
            found = pattern.fullmatch(parts.path)
            if found is not None and endpoint.method == method:
                return self._answer(endpoint, {**query, **found.groupdict()})
        return Reply(404, '{"error":"no such route"}', "/**", "NoResourceFoundException")

    def _answer(self, endpoint: Endpoint, texts: Mapping[str, str]) -> Reply:
        values = {name: int(text) if text.isdecimal() else text for name, text in texts.items()}
        try:
            rows = answer(endpoint, values, pool=self._pool, cache=self._cache)
        except PoolTimeout:
            return Reply(503, '{"error":"no connection"}', endpoint.uri, "SQLTransientConnectionException")
        except psycopg.Error as error:
            return Reply(500, '{"error":"database"}', endpoint.uri, type(error).__name__)
        if rows is None:
            return Reply(endpoint.when_empty, "[]", endpoint.uri)
        return Reply(200, json.dumps(rows, default=str), endpoint.uri)

    def _timer(self, method: str, reply: Reply) -> Timer:
        labels: Labels = (
            ("error", reply.error),
            ("exception", reply.error),
            ("method", method),
            ("outcome", _OUTCOMES[reply.status // 100]),
            ("status", str(reply.status)),
            ("uri", reply.uri),
        )
        with self._lock:
            return self._timers.setdefault(labels, Timer(bounds=_BOUNDS))


def _pattern(endpoint: Endpoint) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[0-9]+)", endpoint.uri))


class Listener(ThreadingHTTPServer):
    """The socket in front of a service."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], service: Service) -> None:
        self.service = service
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the base class has it so
        """A client that went away is no news; anything else is told as the base class does."""
        del request, client_address


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Listener

    def setup(self) -> None:
        # Headers and body go out in two writes; with Nagle's algorithm the second waits for the client's
        # delayed acknowledgement, 40 ms.
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().setup()

    def _serve(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        reply = self.server.service.handle(self.command, self.path)
        body = reply.body.encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = _serve  # noqa: N815 - the names http.server calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class has it so
        """Say nothing: the meters tell it."""
