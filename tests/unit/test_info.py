"""The reply to INFO as metrics, from replies as servers send them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observer.exporter.redis import command_stats, info
from observer.exporter.redis.info import parse
from observer.exporter.redis.source import declared

MASTER = b"""\
# Server
redis_version:7.0.15
redis_git_sha1:00000000
redis_build_id:2e4a1f
redis_mode:standalone
os:Linux 6.1.0 x86_64
process_id:412
run_id:0123abcd
tcp_port:6379
server_time_usec:1700000100500000
uptime_in_seconds:100
executable:/usr/bin/redis-server

# Clients
connected_clients:12
blocked_clients:1
maxclients:10000

# Memory
used_memory:1048576
maxmemory:0
maxmemory_policy:allkeys-lru
mem_fragmentation_ratio:1.25

# Persistence
loading:0
rdb_last_bgsave_status:ok
aof_last_write_status:err

# Stats
keyspace_hits:900
keyspace_misses:100
expired_keys:5
evicted_keys:0

# Replication
role:master
connected_slaves:1
slave0:ip=10.0.0.2,port=6379,state=online,offset=1000,lag=1
master_replid:8371b4

# Commandstats
cmdstat_get:calls=10,usec=250,usec_per_call=25.00,rejected_calls=1,failed_calls=2
cmdstat_config|get:calls=3,usec=30,usec_per_call=10.00,rejected_calls=0,failed_calls=0

# Latencystats
latency_percentiles_usec_get:p50=1.003,p99=21.119,p99.9=27.007
latency_percentiles_usec_gone:p50=1.003,p99=1.003,p99.9=1.003

# Errorstats
errorstat_ERR:count=4

# Keyspace
db0:keys=5,expires=2,avg_ttl=1500
db11:keys=1,expires=0,avg_ttl=0,subexpiry=3
""".replace(b"\n", b"\r\n")

REPLICA = b"""\
# Server
redis_version:7.0.15

# Replication
role:slave
master_host:10.0.0.1
master_port:6379
master_link_status:down
master_last_io_seconds_ago:-1
master_sync_in_progress:0
slave_repl_offset:1000
""".replace(b"\n", b"\r\n")


def read(reply: bytes) -> dict[str, float]:
    """Values by name and labels."""
    fields = parse(reply)
    return {
        f"{family.metric.name}{suffix}{{{body}}}": value
        for family in (*info.families(fields, now=1_700_000_100.7), *command_stats.families(fields))
        for suffix, body, value in family.samples
    }


def test_a_masters_fields() -> None:
    """Numbers, words that mean numbers, keyspaces, commands, errors and replicas."""
    values = read(MASTER)
    expected = {
        "redis_connected_clients{}": 12,
        "redis_memory_used_bytes{}": 1048576,
        "redis_keyspace_hits_total{}": 900,
        "redis_mem_fragmentation_ratio{}": 1.25,
        "redis_rdb_last_bgsave_status{}": 1,
        "redis_start_time_seconds{}": 1700000000,
        'redis_db_keys{db="db0"}': 5,
        'redis_db_keys{db="db11"}': 1,
        'redis_db_avg_ttl_seconds{db="db0"}': 1.5,
        'redis_commands_total{cmd="get"}': 10,
        'redis_commands_total{cmd="config|get"}': 3,
        'redis_commands_rejected_calls_total{cmd="get"}': 1,
        'redis_commands_failed_calls_total{cmd="get"}': 2,
        'redis_errors_total{err="ERR"}': 4,
        'redis_db_keys_with_expiring_items{db="db11"}': 3,
        'redis_latency_percentiles_usec{cmd="get",quantile="99.9"}': 27.007,
        'redis_latency_percentiles_usec_sum{cmd="get"}': 250,
        'redis_latency_percentiles_usec_count{cmd="get"}': 10,
        'redis_connected_slave_lag_seconds{slave_ip="10.0.0.2",slave_port="6379",slave_state="online"}': 1,
    }
    assert {name: values.get(name) for name in expected} == expected
    assert abs(values['redis_commands_duration_seconds_total{cmd="get"}'] - 0.00025) < 1e-12
    assert not any(name.startswith("redis_master_link_up") for name in values)
    assert not any("gone" in name for name in values), "percentiles of a command without calls have no sum"
    [instance] = [name for name in values if name.startswith("redis_instance_info")]
    assert 'redis_version="7.0.15"' in instance
    assert 'maxmemory_policy="allkeys-lru"' in instance


def test_a_replica_tells_of_its_master() -> None:
    """Whether the link is up is known on the replica only."""
    values = read(REPLICA)
    assert values['redis_master_link_up{master_host="10.0.0.1",master_port="6379"}'] == 0


def test_the_start_does_not_move() -> None:
    """The server counts whole seconds of uptime and microseconds of time; the start is one number."""
    starts = {
        read(b"server_time_usec:%d\r\nuptime_in_seconds:%d\r\n" % (1700000000300000 + n * 1000000, 50 + n))[
            "redis_start_time_seconds{}"
        ]
        for n in range(20)
    }
    assert len(starts) == 1


def test_names_of_errors_are_foreign_text() -> None:
    """Scripts name errors as they like: separators that only Unicode knows do not part lines."""
    values = read("errorstat_A\u2028B:count=1\r\nerrorstat_C\x1cD:count=2\r\n".encode())
    assert values['redis_errors_total{err="A\u2028B"}'] == 1
    assert values['redis_errors_total{err="C\x1cD"}'] == 2


def test_a_replicas_view() -> None:
    """Whose replica it is, and whether it takes writes."""
    values = read(REPLICA.replace(b"slave_repl_offset", b"slave_read_only:1\r\nslave_repl_offset"))
    body = 'master_host="10.0.0.1",master_port="6379"'
    assert values[f'redis_slave_info{{{body},read_only="1"}}'] == 1
    assert values[f"redis_slave_repl_offset{{{body}}}"] == 1000


@pytest.mark.parametrize("field", ["redis_mode", "server_mode"])
def test_valkey_is_told_by_its_labels(field: str) -> None:
    """What Valkey adds or calls otherwise stands where dashboards look for it; Redis has none of it."""
    reply = f"redis_version:7.2.4\r\nvalkey_version:8.1.1\r\n{field}:standalone\r\n".encode()
    [name] = [name for name in read(reply) if name.startswith("redis_instance_info")]
    assert 'valkey_version="8.1.1"' in name
    assert 'redis_mode="standalone"' in name
    assert "availability_zone" not in name
    assert not any("valkey" in name for name in read(MASTER))


@given(
    st.dictionaries(st.text(st.characters(codec="utf-8", exclude_characters=":\n\r#"), min_size=1), st.text())
)
def test_no_reply_breaks_the_parser(fields: dict[str, str]) -> None:
    """Whatever stands in INFO, every family has only numbers."""
    reply = "".join(f"{name}:{value}\r\n" for name, value in fields.items()).encode("utf-8", "replace")
    assert all(isinstance(value, (int, float)) for value in read(reply).values())


def test_everything_that_is_emitted_is_declared() -> None:
    """Names, types and labels: the catalogue is what rules are checked against."""
    known = {metric.name: metric for metric in declared()}
    for reply in (MASTER, REPLICA):
        fields = parse(reply)
        for family in (*info.families(fields, now=1.0), *command_stats.families(fields)):
            assert known[family.metric.name] == family.metric
