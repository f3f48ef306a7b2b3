"""MealSync as a process: service, pool, cache, and the users who call it; or its users alone."""

from __future__ import annotations

import argparse
import signal
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from observer.demo.sample import SampleSize
from observer.demo.workload.cache import AsideCache
from observer.demo.workload.config import AppConfig
from observer.demo.workload.desk import Desk
from observer.demo.workload.faults import FaultDesk
from observer.demo.workload.pool import MeasuredPool
from observer.demo.workload.service import Listener, MealSync
from observer.demo.workload.users import SimulatedUsers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from observer.demo.workload.service import Service


def run(config: AppConfig, stopped: threading.Event) -> None:
    """Serve until ``stopped`` is set."""
    faults = FaultDesk(config.direct_dsn)
    with _service(config, faults) as service, Listener(("127.0.0.1", config.port), service) as listener:
        threading.Thread(target=listener.serve_forever, name="listener", daemon=True).start()
        users = SimulatedUsers(
            ("127.0.0.1", config.service or config.port),
            count=config.users,
            size=SampleSize.at(config.scale),
            share=config.share,
        )
        users.start()
        stopped.wait()
        faults.close()
        users.stop()
        listener.shutdown()


@contextmanager
def _service(config: AppConfig, faults: FaultDesk) -> Iterator[Service]:
    """MealSync with its pool and its cache; or the fault desk alone, where MealSync is another program."""
    if config.service:
        yield Desk(faults)
        return
    pool = MeasuredPool(
        config.pool_dsn,
        name="HikariPool-1",
        minimum=min(2, config.pool_max),
        maximum=config.pool_max,
        timeout=config.pool_timeout,
    )
    cache = AsideCache(
        redis.Redis.from_url(
            config.redis_url,
            password=config.redis_password,
            socket_timeout=0.5,
            socket_connect_timeout=0.5,
            retry=Retry(NoBackoff(), 0),
        )
    )
    pool.open()
    try:
        yield MealSync(pool=pool, cache=cache, faults=faults)
    finally:
        pool.close()
        cache.close()


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m observer.demo.app", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON file with the fields of AppConfig")
    arguments = parser.parse_args()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    run(AppConfig.load(arguments.config), stopped)


if __name__ == "__main__":
    main()
