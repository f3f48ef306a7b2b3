"""Streams: their length, their groups, and what consumers have not done yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from observer.exporter.declaration import Family, MetricDeclaration, label_body
from observer.exporter.redis.keys import in_databases
from observer.exporter.redis.question import Question, pairs, text, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observer.exporter.redis.keyspace import Place
    from observer.exporter.redis.question import Info, Replies
    from observer.targets.redis import Command

NAME = "streams"

MOST_CONSUMERS = 500
"""Consumers of a target that have series."""

_STREAM = ("db", "stream")
_GROUP = (*_STREAM, "group")
_CONSUMER = (*_GROUP, "consumer")


def _metric(name: str, help_: str, labels: tuple[str, ...]) -> MetricDeclaration:
    return MetricDeclaration(f"redis_stream_{name}", "gauge", help_, "redis", labels, NAME)


_OF_STREAM = {
    "length": _metric("length", "Entries of the stream.", _STREAM),
    "radix-tree-keys": _metric("radix_tree_keys", "Keys of the tree that holds the stream.", _STREAM),
    "radix-tree-nodes": _metric("radix_tree_nodes", "Nodes of the tree that holds the stream.", _STREAM),
    "groups": _metric("groups", "Groups of the stream.", _STREAM),
    "last-generated-id": _metric("last_generated_id", "Milliseconds in the newest id.", _STREAM),
    "max-deleted-entry-id": _metric(
        "max_deleted_entry_id", "Milliseconds in the greatest id that was deleted.", _STREAM
    ),
    "first-entry": _metric("first_entry_id", "Milliseconds in the id of the first entry.", _STREAM),
    "last-entry": _metric("last_entry_id", "Milliseconds in the id of the last entry.", _STREAM),
}
_CONSUMERS = _metric("group_consumers", "Consumers of the group.", _GROUP)
_OF_GROUP = {
    "pel-count": _metric("group_messages_pending", "Entries delivered and not acknowledged.", _GROUP),
    "last-delivered-id": _metric(
        "group_last_delivered_id", "Milliseconds in the id that was delivered last.", _GROUP
    ),
    "entries-read": _metric("group_entries_read", "Entries that the group has read.", _GROUP),
    "lag": _metric("group_lag", "Entries that wait to be delivered.", _GROUP),
}
_PENDING = _metric(
    "group_consumer_messages_pending", "Entries delivered to it and not acknowledged.", _CONSUMER
)
_IDLE = _metric("group_consumer_idle_seconds", "Seconds since the consumer asked last.", _CONSUMER)


def declared() -> tuple[MetricDeclaration, ...]:
    """Every metric of streams."""
    return (*_OF_STREAM.values(), _CONSUMERS, *_OF_GROUP.values(), _PENDING, _IDLE)


def question(places: Sequence[Place], *, home: int) -> Question:
    """The types first, then XINFO STREAM of those that are streams, short and in full.

    What is no stream, or is not there, has no series, and is no error on the server either.
    """
    ordered = sorted(places, key=lambda place: (place.database, place.name))
    first, at = in_databases([(place.database, ("TYPE", place.name)) for place in ordered], home=home)

    def second(replies: Replies) -> tuple[list[Place], tuple[Command, ...], tuple[int, ...]]:
        there = [p for p, index in zip(ordered, at, strict=True) if text(replies[index]) == "stream"]
        # In full it names groups and consumers; of entries and of what is pending it shows one each.
        asked: list[tuple[int, Command]] = [
            (place.database, ("XINFO", "STREAM", place.name, *more))
            for place in there
            for more in ((), ("FULL", "COUNT", "1"))
        ]
        return there, *in_databases(asked, home=home)

    def read(replies: Replies, following: Replies, info: Info) -> list[Family]:
        there, _, where = second(replies)
        found = [following[index] for index in where]
        now = whole(info.get("server_time_usec"))
        return families(there, found[::2], found[1::2], now=now / 1000 if now else None)

    return Question(NAME, first, read, follow=lambda replies, _: second(replies)[1], tolerant=True)


def families(
    places: Sequence[Place], short: Sequence[Any], full: Sequence[Any], *, now: float | None
) -> list[Family]:
    """The families of some streams; one that went away meanwhile is left out.

    Args:
        places: The streams.
        short: The reply to XINFO STREAM of each.
        full: The reply to XINFO STREAM FULL of each.
        now: Milliseconds since the epoch on the server; ``None`` when it does not tell.
    """
    samples: dict[MetricDeclaration, list[tuple[str, str, float]]] = {metric: [] for metric in declared()}
    for place, brief, whole_ in zip(places, short, full, strict=True):
        if isinstance(brief, Exception) or isinstance(whole_, Exception):
            continue
        labels = (place.label, place.name)
        _put(samples, _OF_STREAM, label_body(_STREAM, labels), pairs(brief))
        for reply in pairs(whole_).get("groups") or ():
            group = pairs(reply)
            of_group = (*labels, text(group["name"]))
            body = label_body(_GROUP, of_group)
            samples[_CONSUMERS].append(("", body, len(group["consumers"])))
            _put(samples, _OF_GROUP, body, group)
            for consumer in map(pairs, group["consumers"]):
                if len(samples[_PENDING]) >= MOST_CONSUMERS:
                    break
                body = label_body(_CONSUMER, (*of_group, text(consumer["name"])))
                samples[_PENDING].append(("", body, int(consumer["pel-count"])))
                if now is not None:
                    idle = max(0.0, now - int(consumer["seen-time"])) / 1000
                    samples[_IDLE].append(("", body, round(idle, 3)))
    return [Family(metric, rows) for metric, rows in samples.items()]


def _put(
    samples: dict[MetricDeclaration, list[tuple[str, str, float]]],
    metrics: dict[str, MetricDeclaration],
    body: str,
    found: dict[str, Any],
) -> None:
    for name, metric in metrics.items():
        if (value := _number(found.get(name))) is not None:
            samples[metric].append(("", body, value))


def _number(value: Any) -> int | None:  # noqa: ANN401 - a number, an id, or an entry, which begins with its id
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, bytes):
        value = value.partition(b"-")[0]
    return whole(value)
