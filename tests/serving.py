"""``observer serve`` as a process of its own, and the pages it serves as values."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import yaml
from prometheus_client.parser import text_string_to_metric_families

from observer.demo.servers.ports import free_port
from tests.conditions import wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import Self

ROOT = Path(__file__).resolve().parents[1]

BRISK = {"min_interval": "200ms", "max_age": "100ms", "idle_interval": "1s", "deadline": "2s"}
"""Nearly every scrape asks the targets anew, and a target that hangs is given up soon."""


class Page:
    """A page of metrics, read by prometheus-client's parser."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.types: dict[str, str] = {}
        self._samples: dict[str, list[tuple[dict[str, str], float]]] = defaultdict(list)
        written = set(re.findall(r"^(\w+)", text, re.MULTILINE))
        for family in text_string_to_metric_families(text):
            self.types[family.name] = family.type
            for sample in family.samples:
                # The parser appends _total to counters whose names, by upstream's choice, lack it.
                name = sample.name if sample.name in written else sample.name.removesuffix("_total")
                self._samples[name].append((sample.labels, sample.value))

    @property
    def names(self) -> set[str]:
        return set(self._samples)

    def samples(self, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
        """The samples of a name whose labels hold all those given."""
        return [pair for pair in self._samples.get(name, ()) if labels.items() <= pair[0].items()]

    def sum(self, name: str, **labels: str) -> float:
        return sum(value for _, value in self.samples(name, **labels))

    def value(self, name: str, **labels: str) -> float:
        """The only sample that fits."""
        found = self.samples(name, **labels)
        assert len(found) == 1, f"{name}{labels}: {len(found)} samples"
        return found[0][1]


class Serving:
    """A running ``observer serve``; a context manager that ends it.

    Args:
        directory: Where its settings and its output are written.
        config: Its settings; ``listen`` is a free port unless given.
        environment: Added to ours.
        arguments: More arguments.
        command: What runs instead of ``python -m observer``.
    """

    def __init__(
        self,
        directory: Path,
        config: Mapping[str, Any] | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        arguments: Sequence[str] = (),
        command: Sequence[str] = (sys.executable, "-m", "observer"),
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._stdout, self._stderr = directory / "stdout", directory / "stderr"
        self.settings = file = directory / "observer.yml"
        settings = {"listen": f"127.0.0.1:{self.port}", **(config or {})}
        file.write_text(yaml.safe_dump(settings), encoding="utf-8")
        with self._stdout.open("wb") as out, self._stderr.open("wb") as err:
            self.process = subprocess.Popen(
                [*command, "serve", "--config", str(file), *arguments],
                cwd=ROOT,
                env={**os.environ, **(environment or {})},
                stdout=out,
                stderr=err,
            )
        # One client is one scraper; how fast tests poll must not depend on making connections.
        self.client = httpx.Client(base_url=self.url, trust_env=False, timeout=30)

    def __enter__(self) -> Self:
        try:
            wait_for(self._answers, "observer serves", seconds=60)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _answers(self) -> bool:
        assert self.process.poll() is None, f"it ended:\n{self.output}"
        with contextlib.suppress(httpx.TransportError):
            return self.client.get("/healthz").status_code == 200
        return False

    def stop(self) -> int:
        """End it as an orchestrator does; its exit code."""
        self.client.close()
        self.process.terminate()
        try:
            return self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    @property
    def output(self) -> str:
        """Everything that it printed."""
        return self._stdout.read_text(encoding="utf-8") + self._stderr.read_text(encoding="utf-8")

    def events(self, name: str, **keys: str) -> list[dict[str, Any]]:
        """The log lines of an event."""
        lines = self._stderr.read_text(encoding="utf-8").splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return [event for event in found if event["event"] == name and keys.items() <= event.items()]

    def page(self, path: str = "/metrics", *, scraper: str = "tests") -> Page:
        answer = self.client.get(path, headers={"user-agent": scraper})
        assert answer.status_code == 200, answer.text
        return Page(answer.text)

    def fresh(self, target: str, *, scraper: str = "tests") -> Page:
        """The first page whose numbers of a target were all read after this call."""
        asked = time.time()
        pages: list[Page] = []

        def read() -> bool:
            pages.append(self.page(scraper=scraper))
            taken = pages[-1].samples("observer_snapshot_timestamp_seconds", target=target)
            return bool(taken) and taken[0][1] > asked

        wait_for(read, f"numbers of {target} that are read after this moment", seconds=60)
        return pages[-1]

    def wait_up(self, target: str, *, up: bool = True, seconds: float = 60) -> Page:
        """The first page that says a target is up, or down."""
        pages: list[Page] = []

        def read() -> bool:
            pages.append(self.page())
            found = pages[-1].samples("observer_target_up", target=target)
            return bool(found) and found[0][1] == int(up)

        wait_for(read, f"{target} is {'up' if up else 'down'}", seconds=seconds)
        return pages[-1]

    def status(self, target: str) -> dict[str, Any]:
        """What ``/status.json`` says of a target."""
        targets = self.client.get("/status.json").json()["targets"]
        found: dict[str, Any] = next(one for one in targets if one["name"] == target)
        return found

    def seconds(self, path: str = "/metrics", *, scraper: str = "tests") -> float:
        """How long one scrape takes."""
        began = time.perf_counter()
        self.page_bytes(path, scraper=scraper)
        return time.perf_counter() - began

    def page_bytes(self, path: str = "/metrics", *, scraper: str = "tests") -> bytes:
        answer = self.client.get(path, headers={"user-agent": scraper})
        assert answer.status_code == 200, answer.text
        return answer.content


ACTUATOR_TEXT = """\
# HELP hikaricp_connections Total connections
# TYPE hikaricp_connections gauge
hikaricp_connections{pool="orders"} 10.0
# HELP hikaricp_connections_active Active connections
# TYPE hikaricp_connections_active gauge
hikaricp_connections_active{pool="orders"} 7.0
# HELP hikaricp_connections_idle Idle connections
# TYPE hikaricp_connections_idle gauge
hikaricp_connections_idle{pool="orders"} 3.0
# HELP hikaricp_connections_pending Pending threads
# TYPE hikaricp_connections_pending gauge
hikaricp_connections_pending{pool="orders"} 2.0
# HELP hikaricp_connections_max Max connections
# TYPE hikaricp_connections_max gauge
hikaricp_connections_max{pool="orders"} 10.0
# HELP hikaricp_connections_min Min connections
# TYPE hikaricp_connections_min gauge
hikaricp_connections_min{pool="orders"} 10.0
# HELP hikaricp_connections_timeout_total Connection timeout total count
# TYPE hikaricp_connections_timeout_total counter
hikaricp_connections_timeout_total{pool="orders"} 1.0
# HELP hikaricp_connections_acquire_seconds Connection acquire time
# TYPE hikaricp_connections_acquire_seconds summary
hikaricp_connections_acquire_seconds_count{pool="orders"} 400.0
hikaricp_connections_acquire_seconds_sum{pool="orders"} 1.5
# HELP jvm_threads_live_threads The current number of live threads
# TYPE jvm_threads_live_threads gauge
jvm_threads_live_threads 20.0
"""


class ActuatorServer:
    """A service that serves one fixed page under ``/actuator/prometheus``; a context manager."""

    def __init__(self, text: str = ACTUATOR_TEXT) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = text.encode()
                self.send_response(200)
                self.send_header("content-type", "text/plain; version=0.0.4")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/actuator/prometheus"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
