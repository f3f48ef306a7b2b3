"""Who is measured: Observer with several settings, and the exporters that people run today."""

from __future__ import annotations

import gzip
import http.client
import re
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import yaml

from benchmarks.exporter.dataset import CONNECTED, ROLE
from benchmarks.exporter.peers import POSTGRES, REDIS, find_peer
from observer.demo.servers import ServerProcess
from observer.demo.servers.ports import free_port

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from benchmarks.exporter.peers import Peer
    from observer.demo.servers import PostgresServer, RedisServer

HERE = Path(__file__).parent
Watched = Literal["postgres", "redis"]
Gaps = Literal["rhythm", "forced", "short"]
"""How scrapes follow each other: always alike; so that Observer does not know when, and holds nothing that is
fresh enough; or soon, for exporters that keep nothing."""

OWN_STATEMENTS = (0, 13)
"""Since this version postgres_exporter reads statements and sizes without being told how."""

RHYTHM = 1.5
FRESH = 0.5
"""The least age at which an Observer that is to be surprised collects anew, in seconds."""

_COLLECTIONS = re.compile(rb"^(?:pg|redis)_exporter_scrapes_total(?:{.*})? (\S+)$", re.MULTILINE)
_TAKEN_AT = re.compile(rb"^observer_snapshot_timestamp_seconds{.*} (\S+)$", re.MULTILINE)


@dataclass(slots=True)
class Page:
    """What a scrape brought."""

    wall_ms: float
    wire_bytes: int
    body: bytes

    def collections(self) -> int | None:
        """How often the server was read until now, as the exporter counts."""
        found = _COLLECTIONS.search(self.body)
        return int(float(found[1])) if found else None

    def age_ms(self) -> float:
        """Age of the numbers when the page came; of an exporter that keeps nothing, the scrape's time."""
        found = _TAKEN_AT.search(self.body)
        return (time.time() - float(found[1])) * 1000 if found else self.wall_ms


@dataclass(slots=True)
class Contestant:
    """An exporter that runs as a process of its own."""

    name: str
    watched: Watched
    gaps: Gaps
    process: ServerProcess
    port: int
    _line: http.client.HTTPConnection | None = None
    _scrapes: int = 0

    def start(self) -> None:
        self.process.start()
        self.process.wait_until(self._answers, seconds=20)

    def pause(self) -> None:
        """Let it do nothing while others are measured."""
        self.process.send(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send(signal.SIGCONT)
        # It may find that its time to keep the connection ran out meanwhile, just as it is asked again.
        self._line = None

    def stop(self) -> None:
        self.resume()
        self.process.stop(seconds=5)

    def gap(self, chooser: random.Random) -> float:
        """Seconds from one scrape to the next."""
        if self.gaps == "rhythm":
            return RHYTHM
        return chooser.uniform(1.3, 2.2) * FRESH if self.gaps == "forced" else 0.1

    def scrape(self) -> Page:
        """A scrape as Prometheus makes it, over a connection that is kept."""
        if self._line is None:
            self._line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            self._line.connect()
        self._scrapes += 1
        headers = {"Accept-Encoding": "gzip", "X-Prometheus-Scrape-Timeout-Seconds": "10"}
        # Observer tells scrapers apart by their names, and nobody has a rhythm who comes but once.
        headers["User-Agent"] = f"benchmark/{self._scrapes if self.gaps == 'forced' else 1}"
        began = time.perf_counter()
        self._line.request("GET", "/metrics", headers=headers)
        answer = self._line.getresponse()
        wire = answer.read()
        wall_ms = (time.perf_counter() - began) * 1000
        if answer.status != 200:
            raise RuntimeError(f"{self.name} answers {answer.status}: {wire[:500]!r}")
        body = gzip.decompress(wire) if answer.headers.get("content-encoding") == "gzip" else wire
        return Page(wall_ms, len(wire), body)

    def _answers(self) -> bool:
        try:
            self.scrape()
        except (OSError, http.client.HTTPException):
            self._line = None
            return False
        return True


def contestants(directory: Path, postgres: PostgresServer, redis: RedisServer) -> list[Contestant]:
    """Everybody, none started."""
    # What postgres_exporter reads: one database, and no indexes one by one. And all that Observer reads.
    address = {"dsn": postgres.dsn(CONNECTED, user=ROLE)}
    alike = address | {
        "databases": {"include": [CONNECTED]},
        "collectors": dict.fromkeys(("stat_user_indexes", "user_index_sizes"), False),
        "statements": {"details": []},
    }
    slow = {"postgres": [alike]}
    each_time = {"postgres": [alike | {"sizes_interval": "100ms"}]}
    return [
        *_postgres_exporters(directory, find_peer(POSTGRES), postgres),
        _observer(directory, "Observer, sizes every 300 s", "postgres", "rhythm", slow),
        _observer(directory, "Observer, sizes each time", "postgres", "rhythm", each_time),
        _observer(directory, "Observer, sizes every 300 s", "postgres", "forced", slow),
        _observer(directory, "Observer, sizes each time", "postgres", "forced", each_time),
        _observer(
            directory, "Observer, all databases and indexes", "postgres", "rhythm", {"postgres": [address]}
        ),
        _redis_exporter(directory, find_peer(REDIS), redis),
        _observer(directory, "Observer", "redis", "rhythm", {"redis": [{"url": redis.url}]}),
        _observer(directory, "Observer", "redis", "forced", {"redis": [{"url": redis.url}]}),
    ]


def _observer(
    directory: Path, name: str, watched: Watched, gaps: Gaps, targets: Mapping[str, object]
) -> Contestant:
    port = free_port()
    file = directory / f"observer-{port}.yml"
    fresh = {"max_age": f"{FRESH}s", "min_interval": f"{FRESH}s"} if gaps == "forced" else {}
    # A collection for nobody would fall into the round of another.
    scrape = {"idle_interval": "1h", **fresh}
    file.write_text(
        yaml.safe_dump({"listen": f"127.0.0.1:{port}", "scrape": scrape, **targets}), encoding="utf-8"
    )
    arguments = (sys.executable, "-m", "observer", "serve", "--config", str(file))
    how = f"{name}, {'at its rhythm' if gaps == 'rhythm' else 'surprised'}"
    root = str(HERE.parent.parent)
    return _contestant(directory, how, watched, gaps, arguments, port, {"PYTHONPATH": root})


def _postgres_exporters(directory: Path, peer: Peer, server: PostgresServer) -> list[Contestant]:
    """With its own collector of statements where it has one, with queries for the same series where not."""
    name = f"postgres_exporter {peer.shown}"
    if peer.version >= OWN_STATEMENTS:
        return [_postgres_exporter(directory, name, peer, server, "--collector.stat_statements")]
    texts = _queries(directory, "queries-texts", ("queries.yaml", "queries-texts.yaml"))
    no_texts = _queries(directory, "queries", ("queries.yaml",))
    return [
        _postgres_exporter(directory, name, peer, server, f"--extend.query-path={no_texts}"),
        _postgres_exporter(directory, f"{name}, texts", peer, server, f"--extend.query-path={texts}"),
    ]


def _postgres_exporter(
    directory: Path, name: str, peer: Peer, server: PostgresServer, statements: str
) -> Contestant:
    port = free_port()
    arguments = (peer.program, f"--web.listen-address=127.0.0.1:{port}", statements)
    dsn = server.dsn(CONNECTED, user=ROLE) + "?sslmode=disable"
    return _contestant(directory, name, "postgres", "short", arguments, port, {"DATA_SOURCE_NAME": dsn})


def _redis_exporter(directory: Path, peer: Peer, server: RedisServer) -> Contestant:
    port = free_port()
    arguments = (peer.program, f"-web.listen-address=127.0.0.1:{port}", f"-redis.addr={server.url}")
    name = f"redis_exporter {peer.shown}"
    return _contestant(directory, name, "redis", "short", arguments, port, {})


def _contestant(  # noqa: PLR0917 - one caller for each kind of exporter, just above
    directory: Path,
    name: str,
    watched: Watched,
    gaps: Gaps,
    arguments: Sequence[str],
    port: int,
    environment: Mapping[str, str],
) -> Contestant:
    process = ServerProcess(
        name=name,
        arguments=arguments,
        directory=directory,
        log=directory / f"{port}.log",
        environment=environment,
    )
    return Contestant(name=name, watched=watched, gaps=gaps, process=process, port=port)


def _queries(directory: Path, name: str, parts: Sequence[str]) -> Path:
    target = directory / f"{name}.yaml"
    target.write_text("".join((HERE / part).read_text(encoding="utf-8") for part in parts), encoding="utf-8")
    return target
