"""Keys of a real server: a walk under a budget that the server itself counts, streams, and patterns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from observer.demo.servers import RedisServer
from observer.exporter.redis.keyspace import Classifier
from tests.collecting import Collecting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEYS = 50_000
SESSIONS, MEALS, ODD = 30_000, 19_900, 100


@pytest.fixture(scope="module")
def server(server_root: Path) -> Iterator[RedisServer]:
    """50,000 keys: sessions of 100 bytes, meals of 1,000 bytes, and some that are neither."""
    with RedisServer.create(server_root / "keyspace") as running, running.connect() as client:
        script = """
            local value = string.rep('x', tonumber(ARGV[3]))
            for i = 1, tonumber(ARGV[2]) do redis.call('SET', ARGV[1] .. i, value) end
        """
        for prefix, number, size in (("session:", SESSIONS, 100), ("meal:", MEALS, 1000), ("odd-", ODD, 10)):
            client.eval(script, 0, prefix, number, size)
        yield running


def calls(server: RedisServer) -> dict[str, int]:
    """How often each command ran, by the server's own count."""
    with server.connect() as client:
        stats: dict[str, Any] = client.info("commandstats")
    return {name.removeprefix("cmdstat_"): about["calls"] for name, about in stats.items()}


def test_groups_under_a_budget(server: RedisServer) -> None:
    """No pass asks more than it may, the walk goes on where it ended, and KEYS is never asked."""
    keys = {
        "groups": {"sessions": "session:*", "meals": "meal:*"},
        "interval": "10s",
        "per_pass": 12_000,
        "samples": 50,
    }
    target = {"name": "cache", "url": server.url, "keys": keys}
    with Collecting({"redis": [target]}) as observer:
        before, now, passes = calls(server), 1000.0, 0
        found = False
        while not found:
            asked = calls(server)
            seen = observer.collect("cache", now=now)
            assert seen.faults == {}
            sent = {name: number - asked.get(name, 0) for name, number in calls(server).items()}
            # A pass may also end for lack of time, on a machine that is busy.
            assert 1 <= sent["scan"] <= 12_000 / 100
            assert sent.get("memory|usage", 0) <= 3 * 50
            # Nothing is asked before the next pass is due.
            assert observer.collect("cache", now=now + 9.0).reading.up
            assert calls(server)["scan"] == asked.get("scan", 0) + sent["scan"]
            now, passes = now + 10.0, passes + 1
            found = seen.page.samples("redis_key_group_count") != []
            assert passes < 60
        assert passes >= 5
        page = seen.page
        assert page.value("redis_key_group_count", db="db0", key_group="sessions") == SESSIONS
        assert page.value("redis_key_group_count", db="db0", key_group="meals") == MEALS
        assert page.value("redis_key_group_count", db="db0", key_group="unclassified") == ODD
        assert page.value("redis_number_of_distinct_key_groups", db="db0") == 3
        assert page.value("redis_keys_count", db="db0", key="meal:*") == MEALS
        # Of each group at most 50 keys were measured; keys of one size make the estimate exact.
        with server.connect() as client:
            sizes = {"sessions": client.memory_usage("session:77"), "meals": client.memory_usage("meal:77")}
        for group, number in (("sessions", SESSIONS), ("meals", MEALS)):
            estimate = page.value("redis_key_group_memory_usage_bytes", key_group=group)
            assert estimate == pytest.approx(sizes[group] * number, rel=0.05)
        assert 0 < page.value("redis_last_key_groups_scrape_duration_milliseconds") < 60_000
        after = calls(server)
        assert after["scan"] - before.get("scan", 0) == pytest.approx(KEYS / 100, rel=0.1)
        assert after.get("memory|usage", 0) - before.get("memory|usage", 0) <= 3 * 50 + 2
        assert "keys" not in after
        # While the next walk is under way the last one is still there.
        assert observer.collect("cache", now=now).page.samples("redis_key_group_count") != []


def test_a_pass_keeps_to_its_rate(server: RedisServer) -> None:
    """At 40 commands a second a pass, which takes half a second at most, sends 21."""
    keys = {"groups": {"all": "*"}, "rate": 40, "per_pass": 1_000_000, "samples": 0}
    with Collecting({"redis": [{"name": "cache", "url": server.url, "keys": keys}]}) as observer:
        asked = calls(server).get("scan", 0)
        observer.collect("cache", now=1000.0)
        assert 1 <= calls(server)["scan"] - asked <= 21


PATTERNS = (
    *(
        "*",
        "a*",
        "?",
        "a?c",
        "[ab]c",
        "[^a]c",
        "[b-a]",
        "[a-c]*",
        "[]",
        "[^]",
        "[a",
        "[a-",
        "é*",
        "a[b",
        "**",
    ),
    *(r"\*", r"[\]]", r"a\b", "\\", "[^^]", "[]]", "[a]]", "[-a]", "[a-]"),
)


def test_patterns_are_read_as_the_server_reads_them(private_redis: RedisServer) -> None:
    """Names are compared here and not there: both must find the same."""
    names = ["a", "b", "c", "abc", "ac", "bc", "cc", "*", "]", "[", "-", "ab", "é", "éa", "^", "\\"]
    names += ["a\nc", "[a", "a]", "a-"]
    with private_redis.connect() as client:
        client.mset(dict.fromkeys(names, "1"))
        for pattern in PATTERNS:
            theirs = set(client.scan(0, match=pattern, count=1000)[1])
            first = Classifier([pattern]).first
            assert {name for name in names if first(name.encode()) == 0} == theirs, pattern


def test_streams_by_name_and_by_pattern(private_redis: RedisServer) -> None:
    """Groups, lag, what is pending, and consumers; a pattern finds streams once a walk has been through."""
    with private_redis.connect() as client:
        for name in ("orders", "events:a", "events:b"):
            for number in range(5):
                client.xadd(name, {"n": str(number)})
            client.xgroup_create(name, "mail", "0")
        client.xreadgroup("mail", "worker", {"orders": ">"}, count=3)
        client.set("events:no-stream", "1")
        errors = client.info("errorstats")
        keys = {"streams": ["orders", "missing", "events:*"]}
        with Collecting({"redis": [{"name": "cache", "url": private_redis.url, "keys": keys}]}) as observer:
            page = observer.collect("cache", now=1000.0).page
            assert {labels["stream"] for labels, _ in page.samples("redis_stream_length")} == {"orders"}
            of_group = {"db": "db0", "stream": "orders", "group": "mail"}
            assert page.value("redis_stream_length", stream="orders") == 5
            assert page.value("redis_stream_groups", stream="orders") == 1
            assert page.value("redis_stream_group_consumers", **of_group) == 1
            assert page.value("redis_stream_group_messages_pending", **of_group) == 3
            assert page.value("redis_stream_group_lag", **of_group) == 2
            assert page.value("redis_stream_group_entries_read", **of_group) == 3
            worker = {**of_group, "consumer": "worker"}
            assert page.value("redis_stream_group_consumer_messages_pending", **worker) == 3
            assert 0 <= page.value("redis_stream_group_consumer_idle_seconds", **worker) < 60
            first, last = (
                page.value(f"redis_stream_{name}_entry_id", stream="orders") for name in ("first", "last")
            )
            assert 0 < first <= last == page.value("redis_stream_last_generated_id", stream="orders")
            seen = observer.collect("cache", now=1100.0)
            assert seen.faults == {}
            found = {labels["stream"] for labels, _ in seen.page.samples("redis_stream_length")}
            assert found == {"orders", "events:a", "events:b"}
        # Asking for what is not there, or is no stream, was no error on the server.
        assert client.info("errorstats") == errors


def test_single_keys_of_every_type(private_redis: RedisServer) -> None:
    """The size is that of the type, the value that of a short number; what is missing has the size 0."""
    with private_redis.connect() as client:
        client.set("number", "-2.5e3")
        client.set("text", "1" * 1000)
        client.rpush("list", *"abc")
        client.sadd("set", *"ab")
        client.zadd("zset", {"a": 1.0})
        client.hset("hash", mapping={"a": "1", "b": "2"})
        client.xadd("stream", {"a": "1"})
        watch = ["number", "text", "list", "set", "zset", "hash", "stream", "missing", "db4=far"]
        client.select(4)
        client.set("far", "9")
        with Collecting(
            {"redis": [{"name": "cache", "url": private_redis.url, "keys": {"watch": watch}}]}
        ) as observer:
            seen = observer.collect("cache")
    assert seen.faults == {}
    sizes = {labels["key"]: value for labels, value in seen.page.samples("redis_key_size")}
    assert sizes == {
        "number": 6,
        "text": 1000,
        "list": 3,
        "set": 2,
        "zset": 1,
        "hash": 2,
        "stream": 1,
        "missing": 0,
        "far": 1,
    }
    values = {labels["key"]: value for labels, value in seen.page.samples("redis_key_value")}
    assert values == {"number": -2500, "far": 9}
    memory = {labels["key"]: value for labels, value in seen.page.samples("redis_key_memory_usage_bytes")}
    assert memory.keys() == sizes.keys() - {"missing"}
    assert memory["text"] > 1000
    assert not any(math.isnan(value) for value in memory.values())
