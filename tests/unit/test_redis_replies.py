"""Answers to CONFIG, LATENCY, CLIENT LIST, CLUSTER NODES and XINFO as families, and refusals as faults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast, get_args

import pytest
import redis

from observer.clock import SystemClock
from observer.config.model import RedisCollector
from observer.deadlines import Deadline
from observer.exporter.redis import clients, command_stats, configuration, streams
from observer.exporter.redis.cluster import Node, nodes
from observer.exporter.redis.keyspace import Place
from observer.exporter.redis.plan import COLLECTORS
from observer.exporter.redis.source import RedisSource
from observer.exporter.snapshot import CollectionOrder
from observer.targets.redis import RedisAddress, refusal_of, right

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from observer.exporter.declaration import Family
    from observer.targets.redis import Command, RedisSession


def values(families: Iterable[Family]) -> dict[str, float]:
    """Values by name and labels."""
    return {
        f"{family.metric.name}{suffix}{{{body}}}": value
        for family in families
        for suffix, body, value in family.samples
    }


def test_settings_that_hold_secrets_are_never_shown() -> None:
    """All of CONFIG is shown by name and value, numbers as numbers too; passwords are not."""
    found = values(
        configuration.families(
            {
                "maxmemory": "1024",
                "maxmemory-policy": "allkeys-lru",
                "appendonly": "no",
                "requirepass": "geheim",
                "masterauth": "geheim",
                "tls-key-file-pass": "geheim",
                "client-output-buffer-limit": "normal 0 0 0 replica 268435456 67108864 60",
            },
            everything=True,
        )
    )
    assert found["redis_config_maxmemory{}"] == 1024
    assert found['redis_config_value{key="maxmemory"}'] == 1024
    assert found['redis_config_key_value{key="maxmemory-policy",value="allkeys-lru"}'] == 1
    assert found['redis_config_client_output_buffer_limit_bytes{class="replica",limit="soft"}'] == 67108864
    assert (
        found['redis_config_client_output_buffer_limit_overcome_seconds{class="replica",limit="soft"}'] == 60
    )
    assert 'redis_config_value{key="appendonly"}' not in found
    assert not any("geheim" in name for name in found)


def test_a_histogram_is_one_of_prometheus() -> None:
    """Buckets are cumulative as the server has them; the sum is what INFO counted, the last one all calls."""
    reply = [[b"get", [b"calls", 7, b"histogram_usec", [1, 3, 2, 6, 4, 7]]]]
    found = values(
        command_stats.histogram().read(reply, [], {"cmdstat_get": "calls=7,usec=12,usec_per_call=1.71"})
    )
    assert found == {
        'redis_commands_latencies_usec_bucket{cmd="get",le="1"}': 3,
        'redis_commands_latencies_usec_bucket{cmd="get",le="2"}': 6,
        'redis_commands_latencies_usec_bucket{cmd="get",le="4"}': 7,
        'redis_commands_latencies_usec_bucket{cmd="get",le="+Inf"}': 7,
        'redis_commands_latencies_usec_sum{cmd="get"}': 12,
        'redis_commands_latencies_usec_count{cmd="get"}': 7,
    }


def test_spikes() -> None:
    """When the newest spike of an event was, and how long it took."""
    found = values(command_stats.latency().read([[[b"command", 1700000000, 250, 900]]], [], {}))
    assert found['redis_latency_spike_last{event_name="command"}'] == 1700000000
    assert found['redis_latency_spike_duration_seconds{event_name="command"}'] == 0.25


def client(name: str, *, idle: int = 0, memory: int = 100) -> str:
    return f"id=1 addr=10.0.0.1:5000 name={name} age=9 idle={idle} flags=N omem=5 tot-mem={memory} user=app"


def test_clients_are_summed() -> None:
    """Connections of one name, user and library are one series."""
    found = values(clients.families([client("web", idle=3), client("web", idle=7), client("job"), ""]))
    body = 'client_name="web",user="app",lib_name=""'
    assert found[f"redis_clients_connections{{{body}}}"] == 2
    assert found[f"redis_clients_max_idle_seconds{{{body}}}"] == 7
    assert found[f"redis_clients_memory_bytes{{{body}}}"] == 200
    assert found[f"redis_clients_output_memory_bytes{{{body}}}"] == 10


def test_clients_have_a_bounded_number_of_series() -> None:
    """Names that programs make up do not fill Prometheus; nothing is lost from the sum."""
    [connections, *_] = clients.families([client(f"c{n}") for n in range(500)] + [client("web")] * 2)
    assert len(connections.samples) == clients.TOP + 1
    assert sum(value for _, _, value in connections.samples) == 502
    bodies = [body for _, body, _ in connections.samples]
    assert any('client_name="web"' in body for body in bodies)
    assert any('client_name="other"' in body for body in bodies)


NODES = """\
07c37 10.0.0.1:6379@16379 myself,master - 0 1426238317239 1 connected 0-5460
67ed2 10.0.0.2:6379@16379,b.example master - 0 1426238316232 2 connected 5461-10922
292f8 10.0.0.3:6379@16379,,shard-id=69bc master,fail - 0 1426238318243 3 disconnected 10923-16383
6ec23 ::1:6380@16380,,tls-port=0,shard-id=69bc slave 67ed2 0 1426238316232 2 connected
824fe :0@0 master,noaddr - 1426238316232 1426238316232 4 disconnected
e7d1e 10.0.0.9:6379@16379 handshake - 0 0 0 connected
"""


def test_nodes_of_a_cluster() -> None:
    """Announced names come before addresses; what has no address, or is a stranger yet, is left out."""
    found = nodes(NODES, asked=Node("10.0.0.1", 6379))
    assert [node.name for node in found] == ["10.0.0.1:6379", "10.0.0.3:6379", "[::1]:6380", "b.example:6379"]


def test_a_node_that_does_not_know_itself() -> None:
    """A single node has no address of its own; it is where it was asked."""
    told = "07c37 :6379@16379 myself,master - 0 0 1 connected 0-16383"
    assert nodes(told, asked=Node("seed", 7000)) == [Node("seed", 6379)]


def test_a_stream_with_its_groups_and_consumers() -> None:
    """Ids are told by their milliseconds; what went away meanwhile has no series."""
    brief = [b"length", 2, b"last-generated-id", b"1700000000000-0", b"groups", 1]
    brief += [b"first-entry", [b"1600000000000-1", [b"a", b"1"]], b"last-entry", None]
    consumer = [b"name", b"c", b"seen-time", 1_699_999_997_500, b"pel-count", 4, b"pel", []]
    group = [b"name", b"g", b"last-delivered-id", b"5-0", b"entries-read", None, b"lag", 7]
    group += [b"pel-count", 4, b"pel", [], b"consumers", [consumer]]
    found = values(
        streams.families(
            [Place(0, "s"), Place(0, "gone")],
            [brief, redis.ResponseError("no such key")],
            [[b"groups", [group]], redis.ResponseError("no such key")],
            now=1_700_000_000_000.0,
        )
    )
    assert found == {
        'redis_stream_length{db="db0",stream="s"}': 2,
        'redis_stream_groups{db="db0",stream="s"}': 1,
        'redis_stream_last_generated_id{db="db0",stream="s"}': 1700000000000,
        'redis_stream_first_entry_id{db="db0",stream="s"}': 1600000000000,
        'redis_stream_group_consumers{db="db0",stream="s",group="g"}': 1,
        'redis_stream_group_messages_pending{db="db0",stream="s",group="g"}': 4,
        'redis_stream_group_last_delivered_id{db="db0",stream="s",group="g"}': 5,
        'redis_stream_group_lag{db="db0",stream="s",group="g"}': 7,
        'redis_stream_group_consumer_messages_pending{db="db0",stream="s",group="g",consumer="c"}': 4,
        'redis_stream_group_consumer_idle_seconds{db="db0",stream="s",group="g",consumer="c"}': 2.5,
    }


@pytest.mark.parametrize(
    ("error", "command", "code", "remedy"),
    [
        (
            redis.exceptions.NoPermissionError("User o has no permissions to run the 'config|get' command"),
            ("CONFIG", "GET", "maxmemory"),
            "permission",
            "ACL SETUSER o +config|get",
        ),
        (
            redis.exceptions.NoPermissionError("this user has no permissions to run the 'info' command"),
            ("INFO", "ALL"),
            "permission",
            "ACL SETUSER o +info",
        ),
        (
            redis.exceptions.NoPermissionError("No permissions to access a key"),
            ("TYPE", "secret"),
            "permission",
            "~PATTERN",
        ),
        (
            redis.ResponseError("unknown command 'CONFIG', with args beginning with: 'GET'"),
            ("CONFIG", "GET", "maxmemory"),
            "not-available",
            "renamed",
        ),
        (
            redis.BusyLoadingError("Redis is loading the dataset in memory"),
            ("SCAN", "0"),
            "unreachable",
            "Wait",
        ),
        (
            redis.exceptions.ClusterDownError("Hash slot not served"),
            ("TYPE", "a"),
            "unreachable",
            "the slot",
        ),
        (
            redis.ResponseError("BUSY Redis is busy running a script"),
            ("INFO", "ALL"),
            "unreachable",
            "SCRIPT KILL",
        ),
    ],
)
def test_a_refusal_names_its_remedy(error: Exception, command: Command, code: str, remedy: str) -> None:
    """Each kind of refusal has a code, and words that mend it."""
    fault = refusal_of(error, command, "o")
    assert fault.code == code
    assert remedy in fault.remedy


def test_rights_are_written_as_the_server_wants_them() -> None:
    """Sub-commands have rights of their own."""
    assert right(("CONFIG", "GET", "a")) == "+config|get"
    assert right(("SCAN", b"0")) == "+scan"


def test_collectors_that_can_be_left_out_are_those_that_there_are() -> None:
    """The settings and the source know the same names."""
    assert set(get_args(RedisCollector)) == set(COLLECTORS)


class Odd:
    """A session with a server whose replies to LATENCY have a shape that no version is known to send."""

    connect_seconds = 0.0
    address = RedisAddress.parse("redis://odd", lambda: None)

    def ask(self, commands: Sequence[Command], _: Deadline) -> list[Any]:
        replies = {"INFO": b"redis_version:7.0.15\r\nrun_id:a\r\nmaxmemory:5\r\n", "SLOWLOG": 0, "CONFIG": []}
        replies |= {"LATENCY": [[b"command"]]}
        return [
            [] if command == ("SLOWLOG", "GET", "1") else replies[str(command[0])] for command in commands
        ]


def test_a_reply_that_nobody_understands_costs_one_collector() -> None:
    """The others' numbers are there, and the target is up."""
    source = RedisSource("odd", cast("RedisSession", Odd()), clock=SystemClock())
    reading = source.collect(CollectionOrder(1, 1, 0.0, Deadline(5, "odd")))
    faults = {outcome.collector: outcome.fault.code for outcome in reading.outcomes if outcome.fault}
    assert reading.up
    assert faults == {"latency": "malformed", "latency_histogram": "malformed"}
