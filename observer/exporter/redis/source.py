"""A Redis or Valkey server as a source: one write, one read, and what the replies mean."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from observer.errors import ObserverError
from observer.exporter.declaration import Family, MetricDeclaration, one
from observer.exporter.redis import info
from observer.exporter.snapshot import Fault, Outcome, Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from observer.clock import Clock
    from observer.exporter import declaration
    from observer.exporter.snapshot import CollectionOrder
    from observer.targets.redis import RedisSession


def _metric(name: str, text: str, collector: str, *labels: str) -> MetricDeclaration:
    return MetricDeclaration(f"redis_{name}", "gauge", text, "redis", labels, collector)


UP = _metric("up", "Whether the server answered the last collection.", "")
SCRAPE_SECONDS = _metric(
    "exporter_last_scrape_duration_seconds", "Seconds that the last collection took.", ""
)
SCRAPE_ERROR = _metric("exporter_last_scrape_error", "Whether the last collection failed.", "", "err")
SLOWLOG_LENGTH = _metric("slowlog_length", "Entries in the slow log.", "slowlog")
SLOWLOG_LAST = _metric("slowlog_last_id", "Id of the newest entry of the slow log.", "slowlog")
SLOWLOG_SECONDS = _metric(
    "last_slow_execution_duration_seconds",
    "Seconds that the newest entry of the slow log took.",
    "slowlog",
)
CONFIG = {
    "maxmemory": _metric("config_maxmemory", "The setting maxmemory in bytes; 0 is no limit.", "config"),
    "maxclients": _metric("config_maxclients", "The setting maxclients.", "config"),
}

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("INFO", "ALL"),
    ("SLOWLOG", "LEN"),
    ("SLOWLOG", "GET", "1"),
    ("CONFIG", "GET", "maxmemory"),
    ("CONFIG", "GET", "maxclients"),
)


def declared() -> tuple[MetricDeclaration, ...]:
    """Every metric of Redis."""
    own = (UP, SCRAPE_SECONDS, SCRAPE_ERROR, SLOWLOG_LENGTH, SLOWLOG_LAST, SLOWLOG_SECONDS)
    return (*own, *CONFIG.values(), *info.declared())


class RedisSource:
    """A server with its collectors; they share one round trip."""

    kind: declaration.Kind = "redis"
    labels = ""

    def __init__(self, name: str, session: RedisSession, *, clock: Clock) -> None:
        self.name = name
        self._session = session
        self._clock = clock

    @property
    def address(self) -> str:
        return self._session.address.shown

    def declared(self) -> Sequence[MetricDeclaration]:
        return declared()

    def abort(self) -> None:
        self._session.abort()

    def close(self) -> None:
        self._session.close()

    def collect(self, order: CollectionOrder) -> Reading:
        began = time.monotonic()
        try:
            replies = self._session.ask(COMMANDS, order.deadline)
        except ObserverError as error:
            return Reading(
                up=False,
                always=[one(UP, 0), one(SCRAPE_ERROR, 1, f'err="{error.code}"')],
                fault=Fault(error.code, error.sentence, error.remedy),
            )
        facts: dict[str, str] = {}

        def read_info() -> list[Family]:
            fields = info.parse(_reply(replies[0]))
            server = "Valkey" if "valkey_version" in fields else "Redis"
            number = fields.get("valkey_version") or fields.get("redis_version", "")
            facts.update(version=f"{server} {number}", role=fields.get("role", ""))
            return list(info.families(fields, now=self._clock.now()))

        outcomes = [
            _outcome(info.NAME, began, read_info),
            _outcome("slowlog", began, lambda: _slowlog(_reply(replies[1]), _reply(replies[2]))),
            _outcome("config", began, lambda: _config([_reply(replies[3]), _reply(replies[4])])),
        ]
        always = [one(UP, 1), one(SCRAPE_SECONDS, time.monotonic() - began), one(SCRAPE_ERROR, 0, 'err=""')]
        return Reading(up=True, outcomes=outcomes, always=always, facts=facts)


def _reply(reply: Any) -> Any:  # noqa: ANN401 - whatever a command answers
    """A reply, unless it is a refusal.

    Raises:
        ObserverError: The server refused the command.
    """
    if isinstance(reply, Exception):
        words = str(reply)
        raise ObserverError(
            f"the server refuses a command: {words}",
            remedy="Allow the user +info +slowlog +config|get." if "permission" in words.lower() else "",
        )
    return reply


def _outcome(collector: str, began: float, run: Callable[[], list[Family]]) -> Outcome:
    try:
        families: list[Family] | None = run()
        fault = None
    except ObserverError as error:
        families, fault = None, Fault(error.code, error.sentence, error.remedy)
    return Outcome(collector, time.monotonic() - began, families, fault)


def _slowlog(length: int, entries: list[Any]) -> list[Family]:
    newest = entries[0] if entries else (-1, 0, 0)
    return [
        one(SLOWLOG_LENGTH, int(length)),
        one(SLOWLOG_LAST, int(newest[0])),
        one(SLOWLOG_SECONDS, int(newest[2]) * 1e-6),
    ]


def _config(replies: list[list[bytes]]) -> list[Family]:
    pairs = {
        name.decode(): value for reply in replies for name, value in zip(*[iter(reply)] * 2, strict=True)
    }
    return [one(metric, int(pairs[name])) for name, metric in CONFIG.items() if name in pairs]
