"""What the service's process is told."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclasses.dataclass(frozen=True, slots=True)
class AppConfig:
    """What the process must know; a private JSON file, because it holds passwords.

    Attributes:
        port: Where the service listens, on the loopback interface; only the fault desk when it is elsewhere.

        pool_dsn: The database through PgBouncer.

        direct_dsn: The database itself, for faults.

        redis_url: The cache.

        redis_password: Of the cache.

        users: How many simulated users; 0 leaves the service to others.

        scale: Of the sample, so that users ask for what exists.

        pool_max: Connections at most.

        pool_timeout: Seconds a request waits for a connection.

        service: Port of the service when it is another program, whose users are played; 0 for our own.

        share: Seconds of the service's time per second that users may take.
    """

    port: int
    pool_dsn: str
    direct_dsn: str
    redis_url: str
    redis_password: str | None
    users: int
    scale: float
    pool_max: int = 8
    pool_timeout: float = 5.0
    service: int = 0
    share: float = 0.45

    @classmethod
    def load(cls, file: Path) -> AppConfig:
        return cls(**json.loads(file.read_text(encoding="utf-8")))

    def dump(self) -> str:
        return json.dumps(dataclasses.asdict(self))
