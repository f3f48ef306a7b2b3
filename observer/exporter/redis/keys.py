"""Keys as metrics: groups of them, which a walk counted, and single ones, which are read each time."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from observer.exporter.declaration import Family, MetricDeclaration, label_body, one
from observer.exporter.redis.key_walk import SAMPLES, UNCLASSIFIED
from observer.exporter.redis.question import Question, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from observer.exporter.redis.key_walk import Round
    from observer.exporter.redis.keyspace import Place
    from observer.exporter.redis.question import Info, Replies
    from observer.targets.redis import Command

GROUPS = "key_groups"
SINGLE = "keys"

LONGEST_VALUE = 32
"""Bytes of a string that is taken for a number; no more is ever fetched."""


def _metric(name: str, help_: str, collector: str, *labels: str) -> MetricDeclaration:
    return MetricDeclaration(f"redis_{name}", "gauge", help_, "redis", labels, collector)


GROUP_COUNT = _metric("key_group_count", "Keys of the group.", GROUPS, "db", "key_group")
GROUP_MEMORY = _metric(
    "key_group_memory_usage_bytes",
    "Bytes of the keys of the group; in a large group estimated from a sample.",
    GROUPS,
    "db",
    "key_group",
)
GROUPS_FOUND = _metric("number_of_distinct_key_groups", "Groups that have keys.", GROUPS, "db")
COUNT = _metric("keys_count", "Keys that the pattern fits and none before it.", GROUPS, "db", "key")
ROUND_MS = _metric(
    "last_key_groups_scrape_duration_milliseconds",
    "Milliseconds that the last walk over all keys took.",
    GROUPS,
)
ROUND_AT = _metric(
    "last_key_groups_scrape_timestamp_seconds",
    "When the last walk over all keys ended, in seconds since the epoch.",
    GROUPS,
)
SIZE = _metric(
    "key_size", "Elements of the key, or bytes of a string; 0 when it does not exist.", SINGLE, "db", "key"
)
VALUE = _metric("key_value", "Value of a string that is a number.", SINGLE, "db", "key")
MEMORY = _metric("key_memory_usage_bytes", "Bytes that the key takes.", SINGLE, "db", "key")

ELSEWHERE = b"elsewhere"
"""Stands for the type of a key that another node of the cluster has."""

_SIZES = {
    "string": "STRLEN",
    "list": "LLEN",
    "set": "SCARD",
    "zset": "ZCARD",
    "hash": "HLEN",
    "stream": "XLEN",
}


def declared() -> tuple[MetricDeclaration, ...]:
    """Every metric of keys."""
    of_groups = (GROUP_COUNT, GROUP_MEMORY, GROUPS_FOUND, COUNT, ROUND_MS, ROUND_AT)
    return (*of_groups, SIZE, VALUE, MEMORY)


def group_families(groups: Mapping[str, Place], finished: Round, *, at: float, memory: bool) -> list[Family]:
    """What a walk over all keys found.

    Args:
        groups: Patterns by name; a group without keys is shown as 0.
        finished: The walk.
        at: When it ended, in seconds since the epoch.
        memory: Whether keys were measured.
    """
    tallies = {
        (place.database, name): finished.groups.get((place.database, name)) for name, place in groups.items()
    }
    tallies |= {key: tally for key, tally in finished.groups.items() if key[1] == UNCLASSIFIED}
    rows = [
        (label_body(("db", "key_group"), (f"db{db}", name)), tally) for (db, name), tally in tallies.items()
    ]
    found = Counter({f"db{place.database}": 0 for place in groups.values()})
    found.update(f"db{db}" for db, _ in finished.groups)
    return [
        Family(GROUP_COUNT, [("", body, tally.keys if tally else 0) for body, tally in rows]),
        Family(GROUP_MEMORY, [("", body, tally.memory if tally else 0) for body, tally in rows if memory]),
        Family(GROUPS_FOUND, [("", label_body(("db",), (db,)), number) for db, number in found.items()]),
        Family(COUNT, _by_pattern(groups, finished)),
        one(ROUND_MS, round(finished.seconds * 1000)),
        one(ROUND_AT, at),
    ]


def _by_pattern(groups: Mapping[str, Place], finished: Round) -> list[tuple[str, str, float]]:
    counts: dict[Place, int] = {}
    for name, place in groups.items():
        tally = finished.groups.get((place.database, name))
        counts[place] = counts.get(place, 0) + (tally.keys if tally else 0)
    return [("", label_body(("db", "key"), (place.label, place.name)), n) for place, n in counts.items()]


def in_databases(
    commands: Iterable[tuple[int, Command]], *, home: int
) -> tuple[tuple[Command, ...], tuple[int, ...]]:
    """Commands with the changes of database that they need, and where their replies stand.

    Args:
        commands: Each with its database.
        home: The database before and after.
    """
    found: list[Command] = []
    places: list[int] = []
    current = home
    for database, command in commands:
        if database != current:
            found.append(("SELECT", str(database)))
            current = database
        places.append(len(found))
        found.append(command)
    if current != home:
        found.append(("SELECT", str(home)))
    return tuple(found), tuple(places)


def single(places: Sequence[Place], *, home: int) -> Question:
    """The types of some keys, then what each type calls its size, the value of strings, and the memory."""
    ordered = sorted(places, key=lambda place: place.database)
    first, at = in_databases([(p.database, ("TYPE", p.name)) for p in ordered], home=home)

    def kinds(replies: Replies) -> list[str]:
        return [text(replies[index]) for index in at]

    def second(replies: Replies) -> tuple[tuple[Command, ...], tuple[int, ...]]:
        return in_databases(
            [
                (place.database, command)
                for place, kind in zip(ordered, kinds(replies), strict=True)
                for command in _of_key(place.name, kind)
            ],
            home=home,
        )

    def read(replies: Replies, following: Replies, _: Info) -> list[Family]:
        where = second(replies)[1]
        return _single(ordered, kinds(replies), [following[index] for index in where])

    return Question(SINGLE, first, read, follow=lambda replies, _: second(replies)[0])


def _of_key(name: str, kind: str) -> list[Command]:
    if kind not in _SIZES:
        return []
    value: list[Command] = [("GETRANGE", name, "0", str(LONGEST_VALUE))] if kind == "string" else []
    return [(_SIZES[kind], name), ("MEMORY", "USAGE", name, "SAMPLES", str(SAMPLES)), *value]


def _single(places: Sequence[Place], kinds: Sequence[str], replies: Sequence[Any]) -> list[Family]:
    sizes, values, memory = [], [], []
    rest = iter(replies)
    for place, kind in zip(places, kinds, strict=True):
        body = label_body(("db", "key"), (place.label, place.name))
        if kind == "none":
            sizes.append(("", body, 0))
        if kind not in _SIZES:
            continue
        sizes.append(("", body, int(next(rest))))
        if (used := next(rest)) is not None:
            memory.append(("", body, int(used)))
        if kind == "string" and (value := _value(next(rest))) is not None:
            values.append(("", body, value))
    return [Family(SIZE, sizes), Family(VALUE, values), Family(MEMORY, memory)]


def _value(raw: bytes) -> float | None:
    if not raw or len(raw) > LONGEST_VALUE:
        return None
    try:
        return float(raw)
    except ValueError:
        return None
