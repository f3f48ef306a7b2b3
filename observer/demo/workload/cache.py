"""Cache-aside: ask Redis first, the database on a miss, and keep the answer for a while."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import redis

if TYPE_CHECKING:
    from collections.abc import Callable


class AsideCache:
    """A cache the service can live without: when Redis is away, every request is a miss.

    Args:
        client: Redis; must not wait for long.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def get_or_load(self, key: str, load: Callable[[], Any], *, seconds: int) -> Any:  # noqa: ANN401 - JSON
        """The cached JSON value, or what ``load`` returns, kept for ``seconds``; ``None`` is not kept."""
        try:
            cached = self._client.get(key)
        except redis.RedisError:
            return load()
        if isinstance(cached, (str, bytes)):
            return json.loads(cached)
        value = load()
        if value is not None:
            self._quietly(lambda: self._client.set(key, json.dumps(value, default=str), ex=seconds))
        return value

    def forget(self, key: str) -> None:
        """After a write."""
        self._quietly(lambda: self._client.delete(key))

    def close(self) -> None:
        self._client.close()

    @staticmethod
    def _quietly(command: Callable[[], object]) -> None:
        try:
            command()
        except redis.RedisError:
            return
