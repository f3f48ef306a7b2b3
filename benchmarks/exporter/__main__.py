"""``python -m benchmarks.exporter``: Observer beside the peers' exporters, on the same servers."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import sys
import time
from pathlib import Path

from benchmarks.exporter.contestants import contestants
from benchmarks.exporter.dataset import Load, fill_postgres, fill_redis, start_postgres, start_redis
from benchmarks.exporter.peers import POSTGRES, REDIS, find_peer
from benchmarks.exporter.report import Row, document, markdown, rows
from benchmarks.exporter.rounds import Ground, play
from observer.demo.servers import ordinary_account, private_directory
from observer.errors import ObserverError


def main() -> int:
    """Measure; 0 when it went well, 2 when what it needs is missing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exporter", description=__doc__)
    parser.add_argument("--out", type=Path, help="folder for exporter.md and exporter.json")
    parser.add_argument("--rounds", type=int, default=3, help="turns that everybody has (3)")
    parser.add_argument("--scrapes", type=int, default=10, help="scrapes of a turn that count (10)")
    given = parser.parse_args()
    try:
        found = measure(rounds=given.rounds, scrapes=given.scrapes)
    except ObserverError as error:
        print(f"benchmark: {error.sentence}\n{error.remedy}".rstrip(), file=sys.stderr)
        return 2
    table = markdown(found)
    print(table)
    if given.out is not None:
        given.out.mkdir(parents=True, exist_ok=True)
        machine = {"cores": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()}
        (given.out / "exporter.md").write_text(table, encoding="utf-8")
        (given.out / "exporter.json").write_text(
            json.dumps(document(found, machine), indent=2) + "\n", encoding="utf-8"
        )
    return 0


def measure(*, rounds: int, scrapes: int) -> list[Row]:
    """Start everything, measure, and end everything.

    Raises:
        ObserverError: Something that is needed is missing or does not start.
    """
    for package in (POSTGRES, REDIS):
        find_peer(package)  # before anything is started
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {what}", file=sys.stderr)

    with contextlib.ExitStack() as stack:
        servers = stack.enter_context(private_directory(prefix="bench-", account=ordinary_account()))
        exporters = stack.enter_context(private_directory(prefix="bench-"))
        postgres = stack.enter_context(start_postgres(servers / "postgres"))
        redis = stack.enter_context(start_redis(servers / "redis"))
        say("filling PostgreSQL and Redis")
        fill_postgres(postgres)
        fill_redis(redis)
        load = stack.enter_context(Load(postgres))
        everybody = contestants(exporters, postgres, redis)
        say("starting the exporters")
        for contestant in everybody:
            stack.callback(contestant.stop)
            contestant.start()
            contestant.pause()
        ground = Ground.of(postgres.pid, redis.pid, load.backends)
        found = rows(play(everybody, ground, rounds=rounds, scrapes=scrapes, say=say))
        say("done")
    return found


if __name__ == "__main__":
    sys.exit(main())
