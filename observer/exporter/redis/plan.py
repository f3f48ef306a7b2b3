"""Which questions a server is asked: what was chosen, and what it can answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from observer.exporter.redis import (
    clients,
    cluster,
    command_stats,
    configuration,
    info,
    keys,
    sentinel,
    slowlog,
    streams,
)
from observer.exporter.redis.key_walk import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from observer.exporter.redis.keyspace import Place
    from observer.exporter.redis.question import Info, Question

COLLECTORS = (
    clients.NAME,
    cluster.NAME,
    configuration.NAME,
    keys.GROUPS,
    keys.SINGLE,
    command_stats.LATENCY,
    command_stats.HISTOGRAM,
    sentinel.NAME,
    slowlog.NAME,
    streams.NAME,
)
"""What can be left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOptions:
    """Which keys are looked at.

    Args:
        groups: Patterns of keys by name of the group.
        streams: Streams, and patterns of streams.
        watch: Single keys.
        interval: Seconds between two passes of the walk over all keys.
        limits: How much a pass may ask.
    """

    groups: Mapping[str, Place] = field(default_factory=dict)
    streams: Sequence[Place] = ()
    watch: Sequence[Place] = ()
    interval: float = 30.0
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is read of a server.

    Args:
        without: Names of collectors that are left out, of `COLLECTORS`.
        all_settings: Whether all of CONFIG is shown.
        clients: Whether connections are summed by client.
        keys: Which keys are looked at.
    """

    without: frozenset[str] = frozenset()
    all_settings: bool = False
    clients: bool = False
    keys: KeyOptions = field(default_factory=KeyOptions)


@dataclass(frozen=True, slots=True)
class Nature:
    """What decides which questions a server understands; the same as long as it is the same server."""

    run_id: str = ""
    sentinel: bool = False
    cluster: bool = False
    histogram: bool = False

    @classmethod
    def of(cls, fields: Info) -> Nature:
        version = fields.get("redis_version", "0").partition(".")[0]
        return cls(
            run_id=fields.get("run_id", ""),
            sentinel=info.mode(fields) == "sentinel",
            cluster=fields.get("cluster_enabled") == "1",
            histogram=version.isdigit() and int(version) >= 7,
        )


def questions(
    nature: Nature, options: Options, *, home: int, found: AbstractSet[Place] = frozenset()
) -> tuple[Question, ...]:
    """What is asked besides INFO.

    Args:
        nature: Of the server.
        options: What was chosen.
        home: The database of the connection.
        found: Streams that patterns found.
    """
    asked = [sentinel.question()] if nature.sentinel else _of_data(nature, options, home, found)
    if options.clients:
        asked.append(clients.question())
    return tuple(question for question in asked if question.collector not in options.without)


def _of_data(nature: Nature, options: Options, home: int, found: AbstractSet[Place]) -> list[Question]:
    """What a server is asked that holds data."""
    asked = [
        slowlog.question(),
        configuration.question(everything=options.all_settings),
        command_stats.latency(),
    ]
    if nature.histogram:
        asked.append(command_stats.histogram())
    if nature.cluster:
        asked.append(cluster.question())
    if options.keys.watch:
        asked.append(keys.single(options.keys.watch, home=home))
    named = [place for place in options.keys.streams if not place.is_pattern]
    if places := [*named, *(found - set(named))]:
        asked.append(streams.question(places, home=home))
    return asked
