"""A sentinel: which masters it watches, and how they, their replicas and the other sentinels are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from observer.exporter.declaration import Family, MetricDeclaration, label_body
from observer.exporter.redis.info import fields, number, plain, scaled
from observer.exporter.redis.info import pairs as fields_of
from observer.exporter.redis.question import Question, pairs, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from observer.exporter.redis.question import Info, Replies
    from observer.targets.redis import Command

NAME = "sentinel"
_MASTER = ("master_name", "master_address")


def _metric(name: str, help_: str, *labels: str) -> MetricDeclaration:
    return MetricDeclaration(
        f"redis_sentinel_master_{name}", "gauge", help_, "redis", labels or _MASTER, NAME
    )


STATUS = _metric("status", "Whether the master is well: 1 for ok.", *_MASTER, "master_status")
SLAVES = _metric("slaves", "Replicas of the master that the sentinel knows.")
SENTINELS = _metric("sentinels", "Sentinels that watch the master, this one among them.")
OK_SLAVES = _metric("ok_slaves", "Replicas of the master that are not down.")
OK_SENTINELS = _metric("ok_sentinels", "Sentinels of the master that are not down, this one among them.")
QUORUM = _metric(
    "ckquorum_status", "Whether enough sentinels agree to fail the master over.", "master_name", "message"
)
_SETTINGS: tuple[tuple[str, MetricDeclaration, float], ...] = (
    ("quorum", _metric("setting_ckquorum", "Sentinels that must agree that the master is down."), 1),
    (
        "failover-timeout",
        _metric("setting_failover_timeout", "The setting failover-timeout in milliseconds."),
        1,
    ),
    (
        "parallel-syncs",
        _metric("setting_parallel_syncs", "Replicas that may turn to a new master at once."),
        1,
    ),
    (
        "down-after-milliseconds",
        _metric("setting_down_after_milliseconds", "Milliseconds without an answer after which it is down."),
        1,
    ),
    ("config-epoch", _metric("config_epoch", "Epoch of the master's configuration."), 1),
    (
        "last-ok-ping-reply",
        _metric("last_ok_ping_reply_seconds", "Seconds since the master answered a ping well."),
        0.001,
    ),
)
_NUMBERED = re.compile(r"master\d+")


def declared() -> tuple[MetricDeclaration, ...]:
    """Every metric of a sentinel."""
    of_info = (field.metric for field in fields("of_sentinel").values())
    settings = (metric for _, metric, _ in _SETTINGS)
    return (*of_info, STATUS, SLAVES, SENTINELS, OK_SLAVES, OK_SENTINELS, QUORUM, *settings)


def question() -> Question:
    """The masters first; then, for each, whether a quorum can be had, the sentinels and the replicas."""
    return Question(
        NAME,
        (("SENTINEL", "MASTERS"),),
        lambda first, second, _: list(_families(first, second)),
        follow=_follow,
        tolerant=True,
    )


def _masters(first: Replies) -> list[dict[str, Any]]:
    return [{name: text(value) for name, value in pairs(master).items()} for master in first[0]]


def _follow(first: Replies, _: Info) -> tuple[Command, ...]:
    return tuple(
        ("SENTINEL", word, master["name"])
        for master in _masters(first)
        for word in ("CKQUORUM", "SENTINELS", "REPLICAS")
    )


def _families(first: Replies, second: Replies) -> Iterator[Family]:
    masters = _masters(first)
    bodies = [label_body(_MASTER, (m["name"], f"{m['ip']}:{m['port']}")) for m in masters]
    quorums, sentinels, replicas = second[::3], second[1::3], second[2::3]
    yield Family(
        QUORUM,
        [
            ("", label_body(QUORUM.labels, (master["name"], _words(reply))), int(not _refused(reply)))
            for master, reply in zip(masters, quorums, strict=True)
        ],
    )
    for metric, replies, own in ((OK_SENTINELS, sentinels, 1), (OK_SLAVES, replicas, 0)):
        yield Family(
            metric,
            [
                ("", body, own + _well(reply))
                for body, reply in zip(bodies, replies, strict=True)
                if not _refused(reply)
            ],
        )
    for setting, metric, scale in _SETTINGS:
        yield Family(
            metric,
            [
                ("", body, scaled(value, scale))
                for body, master in zip(bodies, masters, strict=True)
                if (value := number(master.get(setting))) is not None
            ],
        )


def of_info(info: Info) -> Iterator[Family]:
    """``master0:name=cache,status=ok,address=10.0.0.1:6379,slaves=1,sentinels=3``, as INFO has it."""
    yield from plain(fields("of_sentinel"), info)
    rows = [fields_of(value) for name, value in info.items() if _NUMBERED.fullmatch(name)]
    yield Family(
        STATUS,
        [
            (
                "",
                label_body(STATUS.labels, (row.get("name"), row.get("address"), row.get("status"))),
                int(row.get("status") == "ok"),
            )
            for row in rows
        ],
    )
    for metric, key in ((SLAVES, "slaves"), (SENTINELS, "sentinels")):
        yield Family(
            metric,
            [
                ("", label_body(_MASTER, (row.get("name"), row.get("address"))), int(value))
                for row in rows
                if (value := number(row.get(key))) is not None
            ],
        )


def _well(instances: Sequence[Any]) -> int:
    """How many of the instances the sentinel takes for neither subjectively nor objectively down."""
    flags = [text(pairs(instance).get("flags")) for instance in instances]
    return sum("s_down" not in flag and "o_down" not in flag for flag in flags)


def _refused(reply: object) -> bool:
    return isinstance(reply, Exception)


def _words(reply: bytes | Exception) -> str:
    return str(reply) if isinstance(reply, Exception) else text(reply)
