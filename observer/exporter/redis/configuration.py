"""CONFIG GET as metrics; what INFO tells as well is taken from there when CONFIG may not be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.exporter.declaration import Family, MetricDeclaration, label_body, one
from observer.exporter.redis.info import number, scaled
from observer.exporter.redis.question import Question, pairs, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from observer.exporter.redis.question import Info

NAME = "config"

SECRET = frozenset({"masterauth", "requirepass", "tls-key-file-pass", "tls-client-key-file-pass"})
"""Settings that hold secrets; they never leave this module."""


def _metric(name: str, help_: str, *labels: str) -> MetricDeclaration:
    return MetricDeclaration(f"redis_config_{name}", "gauge", help_, "redis", labels, NAME)


NUMBERS = {
    "maxmemory": _metric("maxmemory", "The setting maxmemory in bytes; 0 is no limit."),
    "maxclients": _metric("maxclients", "The setting maxclients."),
    "io-threads": _metric("io_threads", "The setting io-threads."),
    "repl-backlog-size": _metric("repl_backlog_size", "The setting repl-backlog-size in bytes."),
}
BUFFER_BYTES = _metric(
    "client_output_buffer_limit_bytes", "Most bytes of replies that wait for a client.", "class", "limit"
)
BUFFER_SECONDS = _metric(
    "client_output_buffer_limit_overcome_seconds",
    "Seconds that a client may be above the soft limit.",
    "class",
    "limit",
)
VALUE = _metric("value", "A setting that is a number.", "key")
KEY_VALUE = _metric("key_value", "A setting as it is written; always 1.", "key", "value")

_BUFFERS = "client-output-buffer-limit"
_IN_INFO = {"maxmemory": "maxmemory", "maxclients": "maxclients", "repl-backlog-size": "repl_backlog_size"}


def declared() -> tuple[MetricDeclaration, ...]:
    """Every metric of settings."""
    return (*NUMBERS.values(), BUFFER_BYTES, BUFFER_SECONDS, VALUE, KEY_VALUE)


def question(*, everything: bool) -> Question:
    """The settings that metrics are made of, or all of them.

    Several names in one CONFIG GET are understood since Redis 7 only.
    """
    wanted = ("*",) if everything else (*NUMBERS, _BUFFERS)
    return Question(
        NAME,
        tuple(("CONFIG", "GET", name) for name in wanted),
        lambda first, _, __: list(
            families({k: text(v) for reply in first for k, v in pairs(reply).items()}, everything=everything)
        ),
    )


def families(settings: dict[str, str], *, everything: bool) -> Iterator[Family]:
    """The families of settings; none holds a password."""
    for name, metric in NUMBERS.items():
        if (value := number(settings.get(name))) is not None:
            yield one(metric, scaled(value, 1))
    # normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60
    words = settings.get(_BUFFERS, "").split()
    classes = list(zip(*[iter(words)] * 4, strict=False))
    limits = [(name, "hard", hard) for name, hard, _, _ in classes]
    limits += [(name, "soft", soft) for name, _, soft, _ in classes]
    yield Family(
        BUFFER_BYTES,
        [("", label_body(BUFFER_BYTES.labels, (name, limit)), int(size)) for name, limit, size in limits],
    )
    yield Family(
        BUFFER_SECONDS,
        [
            ("", label_body(BUFFER_SECONDS.labels, (name, "soft")), int(seconds))
            for name, _, _, seconds in classes
        ],
    )
    if everything:
        shown = {name: value for name, value in settings.items() if name not in SECRET}
        numbers = {name: found for name, value in shown.items() if (found := _plain(value)) is not None}
        yield Family(VALUE, [("", label_body(("key",), (n,)), scaled(v, 1)) for n, v in numbers.items()])
        yield Family(KEY_VALUE, [("", label_body(("key", "value"), pair), 1) for pair in shown.items()])


def from_info(info: Info) -> Iterator[Family]:
    """The settings that INFO tells, for when CONFIG is refused."""
    for name, field in _IN_INFO.items():
        if (value := number(info.get(field))) is not None:
            yield one(NUMBERS[name], scaled(value, 1))


def _plain(value: str) -> float | None:
    """A number, but no word that INFO uses for one."""
    return number(value) if value[:1] in "+-.0123456789" and value else None
