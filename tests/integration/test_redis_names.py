"""Every name that redis_exporter has on a plain Redis stands on the page, with its type and labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import redis

from observer.demo.servers import RedisServer
from observer.exporter.redis.info import fields
from observer.exporter.redis.source import declared
from tests.collecting import Collecting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.serving import Page

PLAIN = {
    "counter": """
        commands_processed_total connections_received_total cpu_sys_children_seconds_total
        cpu_sys_main_thread_seconds_total cpu_sys_seconds_total cpu_user_children_seconds_total
        cpu_user_main_thread_seconds_total cpu_user_seconds_total dump_payload_sanitizations
        evicted_clients_total evicted_keys_total eviction_exceeded_time_ms_total
        expire_cycle_cpu_time_ms_total expired_keys_total expired_time_cap_reached_total
        exporter_scrapes_total io_threaded_reads_processed io_threaded_writes_processed keyspace_hits_total
        keyspace_misses_total net_input_bytes_total net_output_bytes_total net_repl_input_bytes_total
        net_repl_output_bytes_total rejected_connections_total reply_buffer_expands_total
        reply_buffer_shrinks_total total_error_replies total_reads_processed total_writes_processed
        unexpected_error_replies
    """,
    "gauge": """
        active_defrag_running allocator_active_bytes allocator_allocated_bytes allocator_frag_bytes
        allocator_frag_ratio allocator_resident_bytes allocator_rss_bytes allocator_rss_ratio
        aof_current_rewrite_duration_sec aof_enabled aof_last_bgrewrite_status aof_last_cow_size_bytes
        aof_last_rewrite_duration_sec aof_last_write_status aof_rewrite_in_progress aof_rewrite_scheduled
        async_loading blocked_clients client_recent_max_input_buffer_bytes
        client_recent_max_output_buffer_bytes clients_in_timeout_table cluster_connections cluster_enabled
        config_io_threads config_maxclients config_maxmemory config_repl_backlog_size configured_hz
        connected_clients connected_slaves current_eviction_exceeded_time_ms defrag_hits defrag_key_hits
        defrag_key_misses defrag_misses expired_stale_percentage exporter_last_scrape_connect_time_seconds
        exporter_last_scrape_duration_seconds hz io_threads_active
        last_key_groups_scrape_duration_milliseconds last_slow_execution_duration_seconds latest_fork_seconds
        lazyfree_pending_objects lazyfreed_objects
        loading_dump_file master_repl_offset max_clients mem_aof_buffer_bytes mem_clients_normal
        mem_clients_slaves mem_cluster_links_bytes mem_fragmentation_bytes mem_fragmentation_ratio
        mem_not_counted_for_eviction_bytes mem_replication_backlog_bytes
        mem_total_replication_buffers_bytes memory_max_bytes memory_used_bytes memory_used_dataset_bytes
        memory_used_functions_bytes memory_used_lua_bytes memory_used_overhead_bytes memory_used_peak_bytes
        memory_used_rss_bytes memory_used_scripts_bytes memory_used_scripts_eval_bytes
        memory_used_startup_bytes memory_used_vm_eval_bytes memory_used_vm_functions_bytes
        memory_used_vm_total migrate_cached_sockets_total module_fork_in_progress module_fork_last_cow_size
        number_of_cached_scripts number_of_functions number_of_libraries process_id pubsub_channels
        pubsub_patterns pubsubshard_channels rdb_bgsave_in_progress rdb_changes_since_last_save
        rdb_current_bgsave_duration_sec rdb_last_bgsave_duration_sec rdb_last_bgsave_status
        rdb_last_cow_size_bytes rdb_last_load_expired_keys rdb_last_load_loaded_keys
        rdb_last_save_timestamp_seconds rdb_saves_total repl_backlog_first_byte_offset
        repl_backlog_history_bytes repl_backlog_is_active replica_partial_resync_accepted
        replica_partial_resync_denied replica_resyncs_full replication_backlog_bytes second_repl_offset
        slave_expires_tracked_keys slowlog_last_id slowlog_length start_time_seconds
        total_system_memory_bytes tracking_clients tracking_total_items tracking_total_keys
        tracking_total_prefixes up uptime_in_seconds
    """,
}
"""Without labels, by type."""

LABELLED = {
    ("commands_duration_seconds_total", "counter"): {"cmd"},
    ("commands_failed_calls_total", "counter"): {"cmd"},
    ("commands_rejected_calls_total", "counter"): {"cmd"},
    ("commands_total", "counter"): {"cmd"},
    ("errors_total", "counter"): {"err"},
    ("commands_latencies_usec_bucket", "histogram"): {"cmd", "le"},
    ("commands_latencies_usec_sum", "histogram"): {"cmd"},
    ("commands_latencies_usec_count", "histogram"): {"cmd"},
    ("latency_percentiles_usec", "summary"): {"cmd", "quantile"},
    ("latency_percentiles_usec_sum", "summary"): {"cmd"},
    ("latency_percentiles_usec_count", "summary"): {"cmd"},
    ("exporter_scrape_duration_seconds_sum", "summary"): set(),
    ("exporter_scrape_duration_seconds_count", "summary"): set(),
    ("config_client_output_buffer_limit_bytes", "gauge"): {"class", "limit"},
    ("config_client_output_buffer_limit_overcome_seconds", "gauge"): {"class", "limit"},
    ("config_value", "gauge"): {"key"},
    ("config_key_value", "gauge"): {"key", "value"},
    ("db_avg_ttl_seconds", "gauge"): {"db"},
    ("db_keys", "gauge"): {"db"},
    ("db_keys_expiring", "gauge"): {"db"},
    ("exporter_last_scrape_error", "gauge"): {"err"},
    ("latency_spike_last", "gauge"): {"event_name"},
    ("latency_spike_duration_seconds", "gauge"): {"event_name"},
    ("key_size", "gauge"): {"db", "key"},
    ("key_value", "gauge"): {"db", "key"},
    ("key_memory_usage_bytes", "gauge"): {"db", "key"},
    ("keys_count", "gauge"): {"db", "key"},
    ("key_group_count", "gauge"): {"db", "key_group"},
    ("key_group_memory_usage_bytes", "gauge"): {"db", "key_group"},
    ("number_of_distinct_key_groups", "gauge"): {"db"},
    ("instance_info", "gauge"): {
        *("role", "redis_version", "redis_build_id", "redis_mode", "os", "maxmemory_policy", "tcp_port"),
        *("run_id", "process_id", "master_replid"),
    },
}

SECRET = "kanarienvogel-4471"

NOT_HERE = {
    "redis_exporter_build_info": "Observer is not redis_exporter; observer_build_info tells its version.",
    "redis_target_scrape_request_errors_total": "No request can name a server that is not configured.",
}
"""Names of redis_exporter that cannot be on the page, each with the reason."""


@pytest.fixture(scope="module")
def server(server_root: Path) -> Iterator[RedisServer]:
    """A plain server on which everything has happened that has a metric."""
    settings = {"latency-monitor-threshold": "1", "slowlog-log-slower-than": "0"}
    with RedisServer.create(server_root / "redis-names", settings=settings, password=SECRET) as running:
        with running.connect() as client:
            client.set("names:expiring", "1", ex=1000)
            client.get("names:expiring")
            client.set("counter", "42")
            client.eval("local n = 0 for i = 1, 3000000 do n = n + i end return n", 0)
            with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
                client.lpush("counter", "1")
        yield running


@pytest.fixture(scope="module")
def page(server: RedisServer) -> Page:
    """Its page, with everything that is off by default."""
    target = {
        "name": "names",
        "url": server.url,
        "password": SECRET,
        "all_config": True,
        "clients": True,
        "keys": {"groups": {"names": "names:*"}, "watch": ["counter"]},
    }
    with Collecting({"redis": [target]}) as observer:
        seen = observer.collect("names")
    assert seen.faults == {}
    return seen.page


@pytest.fixture(scope="module")
def dropped(server: RedisServer) -> set[str]:
    """Names whose field this version has no more in INFO; none on Redis 7.0, which has them all."""
    with server.connect() as client:
        told = client.info("all")
    if str(told["redis_version"]).startswith("7.0."):
        return set()
    return {field.metric.name for name, field in fields("fields").items() if name not in told}


@pytest.mark.parametrize("kind", PLAIN)
def test_names_without_labels(page: Page, dropped: set[str], kind: str) -> None:
    """Each stands once, without labels, with upstream's type."""
    for name in PLAIN[kind].split():
        full = f"redis_{name}"
        if full in dropped:
            continue
        assert full in page.names, full
        assert page.samples(full)[0][0] == {}, full
        assert f"# TYPE {full} {kind}\n" in page.text


@pytest.mark.parametrize(("metric", "labels"), LABELLED.items(), ids=[name for name, _ in LABELLED])
def test_names_with_labels(page: Page, metric: tuple[str, str], labels: set[str]) -> None:
    """The labels are upstream's, no more and no less; what Valkey adds stands on Valkey only."""
    name, kind = metric
    samples = page.samples(f"redis_{name}")
    assert samples, name
    for found, _ in samples:
        assert {label for label in found if "valkey" not in label and label != "availability_zone"} == labels
    family = f"redis_{name}"
    for suffix in ("_bucket", "_sum", "_count") if kind in ("histogram", "summary") else ():
        family = family.removesuffix(suffix)
    assert f"# TYPE {family} {kind}\n" in page.text


def test_what_cannot_be_here_is_not(page: Page) -> None:
    """The reasons stand beside the names; a name that appears leaves the list."""
    assert not page.names & set(NOT_HERE)
    assert all(NOT_HERE.values())


def test_nothing_else_is_there_than_what_is_declared(page: Page) -> None:
    """The catalogue that rules are checked against knows every name on the page."""
    known = {metric.name for metric in declared()}
    suffixes = ("_bucket", "_sum", "_count")
    foreign = {
        name
        for name in page.names
        if name.startswith("redis_")
        and name not in known
        and not any(name.endswith(suffix) and name.removesuffix(suffix) in known for suffix in suffixes)
    }
    assert foreign == set()


def test_values_mean_what_they_say(page: Page) -> None:
    """A few of each kind against what was done to the server."""
    assert page.value("redis_key_value", key="counter") == 42
    assert page.value("redis_key_size", key="counter") == 2
    assert page.value("redis_key_group_count", key_group="names") == 1
    assert page.value("redis_key_group_count", key_group="unclassified") == 1
    assert page.value("redis_config_value", key="latency-monitor-threshold") == 1
    assert page.value("redis_errors_total", err="WRONGTYPE") == 1
    assert page.value("redis_commands_total", cmd="get") == 1
    assert page.value("redis_commands_latencies_usec_bucket", cmd="get", le="+Inf") == 1
    assert page.sum("redis_clients_connections", client_name="observer") == 1
    assert 0 < page.value("redis_latency_spike_duration_seconds", event_name="command") < 10
    assert SECRET not in page.text
