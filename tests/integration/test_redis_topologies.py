"""A replica and its master, a sentinel that watches them, and a cluster that is followed from one node."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

import pytest
import redis

from observer.demo.servers import RedisCluster, RedisServer
from tests.collecting import Collecting
from tests.serving import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUICK = {"repl-diskless-sync-delay": "0"}


SECRET = "ein-passwort"

DEFAULT = "user default on nopass sanitize-payload ~* &* +@all"


def sentinel_user() -> str:
    """The user of a sentinel, as the documents have it."""
    text = (ROOT / "docs" / "redis.md").read_text(encoding="utf-8").replace("\\|", "|")
    rights = re.search(r"^\| a sentinel \| `(.*?)`", text, re.MULTILINE)
    assert rights is not None
    return f"user observer on >{SECRET} resetchannels -@all {rights[1]}"


@pytest.fixture(scope="module")
def pair(server_root: Path) -> Iterator[tuple[Collecting, RedisServer, RedisServer]]:
    """A master, its replica and a sentinel, watched together."""
    with RedisServer.create(server_root / "pair-master", settings=QUICK) as master:
        place = f"{master.host} {master.port}"
        watch = (f"sentinel monitor cache {place} 1", "sentinel down-after-milliseconds cache 1000")
        with (
            RedisServer.create(
                server_root / "pair-replica", settings={**QUICK, "replicaof": place}
            ) as replica,
            RedisServer.create(
                server_root / "pair-sentinel", sentinel=True, lines=watch, users=(DEFAULT, sentinel_user())
            ) as sentinel,
        ):
            targets = [
                {"name": "master", "url": master.url},
                {"name": "replica", "url": replica.url},
                # With the rights that the documents give it, and no other.
                {
                    "name": "sentinel",
                    "url": f"redis://observer@{sentinel.host}:{sentinel.port}",
                    "password": SECRET,
                },
            ]
            with Collecting({"redis": targets}) as observer:
                yield observer, master, replica


def test_a_master_tells_of_its_replica(pair: tuple[Collecting, RedisServer, RedisServer]) -> None:
    """How far the replica is, by its address."""
    observer, _, replica = pair
    page = observer.until(
        "master",
        lambda seen: seen.page.sum("redis_connected_slave_offset_bytes", slave_state="online") > 0,
        "the replica is online",
    ).page
    where = {"slave_ip": "127.0.0.1", "slave_port": str(replica.port), "slave_state": "online"}
    assert page.value("redis_connected_slaves") == 1
    assert page.value("redis_connected_slave_lag_seconds", **where) < 30
    assert page.value("redis_instance_info", role="master") == 1
    assert page.samples("redis_master_link_up") == []


def test_a_replica_tells_of_its_master(pair: tuple[Collecting, RedisServer, RedisServer]) -> None:
    """The link, when the master was heard last, and how far the replica is."""
    observer, master, _ = pair
    where = {"master_host": "127.0.0.1", "master_port": str(master.port)}
    page = observer.until(
        "replica",
        lambda seen: (
            seen.page.sum("redis_master_link_up") == 1
            and seen.page.value("redis_slave_repl_offset", **where) > 0
        ),
        "the link is up",
    ).page
    assert page.value("redis_master_link_up", **where) == 1
    assert page.value("redis_slave_info", read_only="1", **where) == 1
    assert 0 <= page.value("redis_master_last_io_seconds_ago", **where) < 60
    assert page.value("redis_master_sync_in_progress", **where) == 0
    assert page.value("redis_slave_priority") == 100


def test_a_sentinel_is_a_target(pair: tuple[Collecting, RedisServer, RedisServer]) -> None:
    """What it knows of its masters under upstream's names; what a sentinel does not know is no fault."""
    observer, master, _ = pair
    seen = observer.until(
        "sentinel",
        lambda seen: seen.page.sum("redis_sentinel_master_ok_slaves") == 1,
        "the replica is known",
    )
    page, where = seen.page, {"master_name": "cache", "master_address": f"127.0.0.1:{master.port}"}
    assert page.value("redis_sentinel_masters") == 1
    assert page.value("redis_sentinel_master_status", master_status="ok", **where) == 1
    assert page.value("redis_sentinel_master_slaves", **where) == 1
    assert page.value("redis_sentinel_master_sentinels", **where) == 1
    assert page.value("redis_sentinel_master_ok_sentinels", **where) == 1
    assert page.value("redis_sentinel_master_setting_down_after_milliseconds", **where) == 1000
    assert page.value("redis_sentinel_master_setting_ckquorum", **where) == 1
    assert page.value("redis_sentinel_master_ckquorum_status", master_name="cache") == 1
    assert 0 <= page.value("redis_sentinel_master_last_ok_ping_reply_seconds", **where) < 60
    assert seen.faults == {}
    assert seen.reading.facts["role"] == "sentinel"


def test_a_cluster_is_followed_from_one_node(server_directory: Path) -> None:
    """Every node is on the page under its address; one that is down is told, and the others stay."""
    with RedisCluster(server_directory / "cluster") as cluster:
        seed, other, lost = cluster.nodes
        names = {f"127.0.0.1:{node.port}" for node in cluster.nodes}
        keys = {"groups": {"a": "a:*"}, "watch": ["a:1", "a:2", "missing"], "streams": ["orders"]}
        for number in range(1, 31):
            write(cluster, "SET", f"a:{number}", str(number))
        write(cluster, "XADD", "orders", "*", "n", "1")
        target = {"name": "shards", "url": seed.url, "cluster": True, "keys": keys}
        with Collecting({"redis": [target]}) as observer:
            seen = observer.collect("shards")
            page = seen.page
            assert seen.faults == {}
            # A key is told by the node that has it and by no other; groups are counted on each.
            values = {labels["key"]: value for labels, value in page.samples("redis_key_value")}
            assert values == {"a:1": 1, "a:2": 2}
            assert [value for _, value in page.samples("redis_key_size", key="missing")] == [0]
            assert [value for _, value in page.samples("redis_stream_length", stream="orders")] == [1]
            assert page.sum("redis_key_group_count", key_group="a") == 30
            assert len(page.samples("redis_key_group_count", key_group="a")) == 3
            assert {labels["node"] for labels, _ in page.samples("redis_up")} == names
            assert page.sum("redis_up") == 3
            assert [value for _, value in page.samples("redis_cluster_state")] == [1, 1, 1]
            assert page.sum("redis_cluster_slots_ok") == 3 * 16384
            assert page.sum("redis_cluster_known_nodes") == 9
            assert page.sum("redis_cluster_size") == 9
            assert len(page.samples("redis_memory_used_bytes")) == 3

            lost.stop()
            gone = f"127.0.0.1:{lost.port}"
            seen = observer.collect("shards")
            assert seen.reading.up
            assert seen.page.value("redis_up", node=gone) == 0
            assert seen.page.samples("redis_memory_used_bytes", node=gone) == []
            assert len(seen.page.samples("redis_memory_used_bytes")) == 2
            assert seen.faults["cluster_nodes"].code == "unreachable"
            assert str(lost.port) in seen.faults["cluster_nodes"].sentence

            # A node that comes is read as soon as the others know it.
            with cluster.node("newcomer") as newcomer:
                cluster.introduce(other, newcomer)
                came = f"127.0.0.1:{newcomer.port}"
                observer.until("shards", lambda seen: seen.page.sum("redis_up", node=came) == 1, "it is read")

                # The seed goes: nodes are learnt from whoever is left, and those that are forgotten leave.
                seed.stop()
                for node in (other, newcomer):
                    with node.connect() as client:
                        for line in raw_nodes(client):
                            if "myself" not in line:
                                client.execute_command("CLUSTER", "FORGET", line.split()[0])
                seen = observer.until(
                    "shards", lambda seen: len(seen.page.samples("redis_up")) == 1, "one node is left"
                )
                assert seen.page.sum("redis_up") == 1
                # Slots that nobody has any more are told for what they are.
                assert {fault.code for fault in seen.faults.values()} <= {"unreachable"}
                assert "cluster_nodes" not in seen.faults


def test_a_node_that_hangs_holds_nobody_up(server_directory: Path) -> None:
    """A node that is stopped in its tracks is down for the others' page, which comes all the same."""
    with RedisCluster(server_directory / "cluster") as cluster:
        seed, _, hung = cluster.nodes
        target = {"name": "shards", "url": seed.url, "cluster": True}
        with Collecting({"redis": [target]}, seconds=4) as observer:
            observer.until("shards", lambda seen: seen.page.sum("redis_up") == 3, "all are there")
            hung.process.send(signal.SIGSTOP)
            try:
                seen = observer.until("shards", lambda seen: seen.page.sum("redis_up") == 2, "two are left")
                assert seen.faults["cluster_nodes"].code == "deadline"
                assert len(seen.page.samples("redis_memory_used_bytes")) == 2
                observer.until("shards", lambda seen: seen.page.sum("redis_up") == 2, "two are still there")
            finally:
                hung.process.send(signal.SIGCONT)
            seen = observer.until("shards", lambda seen: seen.page.sum("redis_up") == 3, "it is back")
            assert seen.faults == {}


def write(cluster: RedisCluster, *command: str) -> None:
    """Run a command on the node that has its key."""
    for node in cluster.nodes:
        with node.connect() as client:
            try:
                client.execute_command(*command)
            except redis.exceptions.MovedError:
                continue
            return
    raise AssertionError(command)


def raw_nodes(client: redis.Redis) -> list[str]:
    """The lines of CLUSTER NODES."""
    client.set_response_callback("CLUSTER NODES", str)
    return str(client.execute_command("CLUSTER NODES")).splitlines()
