"""What stands on the pages: upstream's names, types and labels, the same bytes plain and compressed."""

from __future__ import annotations

import re
import subprocess
import zlib
from typing import TYPE_CHECKING

import pytest

from tests.conditions import wait_for
from tests.serving import ActuatorServer, Page, Serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from observer.demo.servers import PgBouncerServer, PostgresServer, RedisServer

UPSTREAM = {
    "pg_up",
    "pg_exporter_last_scrape_error",
    "pg_exporter_scrapes_total",
    "pg_scrape_collector_success",
    "pg_database_size_bytes",
    "pg_locks_count",
    "pg_postmaster_start_time_seconds",
    "pg_replication_lag_seconds",
    "pg_replication_is_replica",
    "pg_settings_max_connections",
    "pg_settings_shared_buffers_bytes",
    "pg_settings_random_page_cost",
    "pg_settings_autovacuum",
    "pg_stat_activity_count",
    "pg_stat_activity_max_tx_duration",
    "pg_stat_archiver_archived_count",
    "pg_stat_bgwriter_buffers_alloc_total",
    "pg_stat_database_numbackends",
    "pg_stat_database_xact_commit",
    "pg_stat_database_blks_hit",
    "pg_stat_database_blks_read",
    "pg_stat_database_deadlocks",
    "pg_stat_database_conflicts_confl_lock",
    "pg_stat_statements_calls_total",
    "pg_stat_statements_seconds_total",
    "pg_stat_statements_rows_total",
    "pg_stat_statements_query_id",
    "pg_stat_user_tables_n_live_tup",
    "pg_stat_user_tables_seq_scan",
    "pg_statio_user_tables_heap_blocks_hit",
    "pgbouncer_up",
    "pgbouncer_version_info",
    "pgbouncer_pools_client_active_connections",
    "pgbouncer_pools_client_waiting_connections",
    "pgbouncer_pools_client_maxwait_seconds",
    "pgbouncer_pools_server_idle_connections",
    "pgbouncer_stats_totals_queries_pooled_total",
    "pgbouncer_stats_totals_sql_transactions_pooled_total",
    "pgbouncer_config_max_client_connections",
    "redis_up",
    "redis_instance_info",
    "redis_connected_clients",
    "redis_memory_used_bytes",
    "redis_evicted_keys_total",
    "redis_keyspace_hits_total",
    "redis_keyspace_misses_total",
    "redis_commands_processed_total",
    "redis_commands_total",
    "redis_db_keys",
    "redis_uptime_in_seconds",
    "hikaricp_connections",
    "hikaricp_connections_active",
    "hikaricp_connections_pending",
    "hikaricp_connections_max",
    "hikaricp_connections_timeout_total",
    "hikaricp_connections_acquire_seconds_count",
    "hikaricp_connections_acquire_seconds_sum",
}

CHECKPOINTS = {
    False: "pg_stat_bgwriter_checkpoints_timed_total",
    True: "pg_stat_checkpointer_num_timed_total",
}
"""What counts checkpoints, by whether PostgreSQL is 17 or newer."""

LINT = (
    (
        r"pg_stat_(archiver|database|statements_query_id|user_tables|wal_receiver)\w* .*should have .+_total",
        "upstream names them after the server's columns, without the suffix",
    ),
    (
        r"(pg_statio_user_tables|redis)\w* counter metrics should have .+_total",
        "upstream names them after the server's columns and fields, without the suffix",
    ),
    (
        r"pg_(locks|settings_\w+|stat_activity|stat_archiver_\w+|stat_user_tables_\w+)_count non-histogram",
        "upstream's names; those of settings are the server's own",
    ),
    (
        r"pg_(buffercache_summary|settings)_\w+ metric name should not include type",
        "upstream's names, after a function and the server's settings",
    ),
    (r"pg_prepared_xacts_count non-histogram", "a name in upstream's manner"),
    (r"pg_txid_current counter metrics should have", "the name that published rules ask for"),
    (r"pg_settings_\w+ metric name should not include type ", "the server's own name of a setting"),
    (
        r"redis_\w+(_sec|_ms|_ms_total|_usec|_usec_total) metric names should not contain abbreviated units$",
        "upstream's names",
    ),
    (
        r"redis_(memory_used_vm|migrate_cached_sockets|rdb_saves|cluster_messages_\w+)_total non-counter",
        "upstream's names and types",
    ),
)
"""What ``promtool check metrics`` may say: a pattern, and why the name stays. Only style, never validity."""


@pytest.fixture(scope="module")
def serving(
    tmp_path_factory: pytest.TempPathFactory,
    postgres: PostgresServer,
    pgbouncer: PgBouncerServer,
    redis_server: RedisServer,
) -> Iterator[Serving]:
    """Observer over one target of each kind, and a second Redis name for the label ``target``."""
    postgres.execute("app", "CREATE TABLE IF NOT EXISTS named AS SELECT 1 AS one")
    with redis_server.connect() as client:
        client.set("key", "value")
    redis_target = {"url": redis_server.url, "password": "redis-secret"}
    with ActuatorServer() as actuator:
        config = {
            "postgres": [{"name": "main", "dsn": postgres.dsn("app")}],
            "pgbouncer": [{"name": "pool", "dsn": pgbouncer.dsn(user="stats")}],
            "redis": [{"name": "cache", **redis_target}, {"name": "sessions", **redis_target}],
            "hikari": [{"name": "orders", "url": actuator.url, "replica": "orders-1"}],
        }
        with Serving(tmp_path_factory.mktemp("names"), config) as running:
            for target in ("main", "pool", "cache", "sessions", "orders"):
                running.wait_up(target)
            wait_for(
                lambda: "pg_stat_statements_query_id" in running.page().names,
                "texts of statements",
                seconds=10,
            )
            yield running


def test_names_are_upstreams(serving: Serving, postgres: PostgresServer) -> None:
    """Published dashboards and rules find the names that they ask for, and every target is up."""
    page = serving.page()
    assert (UPSTREAM | {CHECKPOINTS[postgres.version >= 17]}) - page.names == set()
    assert {labels["target"]: value for labels, value in page.samples("observer_target_up")} == dict.fromkeys(
        ("main", "pool", "cache", "sessions", "orders"), 1.0
    )
    assert (page.value("pg_up"), page.value("pgbouncer_up")) == (1, 1)
    assert page.value("hikaricp_connections_active", pool="orders", replica="orders-1") == 7


def test_values_are_the_servers(serving: Serving, postgres: PostgresServer) -> None:
    """A setting, a size and a count of tables are what the server itself says."""
    page = serving.page()
    with postgres.connect("app") as connection:
        row = connection.execute(
            "SELECT setting::float8 * 8192, pg_catalog.pg_database_size('app') FROM pg_catalog.pg_settings"
            " WHERE name = 'shared_buffers'"
        ).fetchone()
    assert row is not None
    assert page.value("pg_settings_shared_buffers_bytes") == row[0]
    assert page.value("pg_database_size_bytes", datname="app") == pytest.approx(row[1], rel=0.2)
    assert page.samples("pg_stat_user_tables_table_size_bytes", relname="named") != []


def test_types_are_upstreams(serving: Serving) -> None:
    """Counters are counters: ``rate()`` over them means something."""
    types = serving.page().types
    assert types["pg_stat_statements_calls"] == "counter"
    assert types["pg_stat_database_xact_commit"] in ("counter", "unknown")
    assert types["pg_stat_activity_count"] == "gauge"
    assert types["redis_keyspace_hits"] == "counter"
    assert types["hikaricp_connections_active"] == "gauge"


def test_target_stands_only_where_it_is_needed(serving: Serving) -> None:
    """``target`` tells the two Redis apart on the page of all, and stands nowhere else in foreign series."""
    page = serving.page()
    assert {labels["target"] for labels, _ in page.samples("redis_up")} == {"cache", "sessions"}
    assert all("target" not in labels for labels, _ in page.samples("pg_stat_database_numbackends"))
    for path in ("/metrics/cache", "/probe?target=cache"):
        single = serving.page(path)
        assert single.value("redis_up") == 1
        assert not any('target="' in line for line in single.text.splitlines())
        assert not any(name.startswith(("pg_", "observer_")) for name in single.names)


def test_plain_and_compressed_are_equal(serving: Serving) -> None:
    """Whoever takes gzip gets the same page, and whoever refuses it gets it plain."""
    texts = {}
    for path in ("/metrics/main", "/metrics/cache"):
        for coding in ("gzip", "identity", "gzip;q=0"):
            with serving.client.stream("GET", path, headers={"accept-encoding": coding}) as answer:
                raw = b"".join(answer.iter_raw())
                packed = answer.headers.get("content-encoding") == "gzip"
            assert packed == (coding == "gzip")
            texts[coding] = Page((zlib.decompress(raw, 31) if packed else raw).decode()).names
            assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert texts["gzip"] == texts["identity"] == texts["gzip;q=0"]


def test_promtool_has_no_complaint_but_upstreams_names(serving: Serving) -> None:
    """Every line parses, no series stands twice; what remains is style that upstream chose."""
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=serving.page_bytes(),
        capture_output=True,
        timeout=30,
        check=False,
    )
    complaints = (checked.stdout + checked.stderr).decode().splitlines()
    unknown = [line for line in complaints if not any(re.match(pattern, line) for pattern, _ in LINT)]
    assert unknown == []
    assert checked.returncode in (0, 3)
    lines = [line.rpartition(" ")[0] for line in serving.page().text.splitlines() if line[:1] != "#"]
    assert len(lines) == len(set(lines))


def test_every_family_is_declared_once_and_typed(serving: Serving) -> None:
    """A name has one TYPE line, and its samples stand together."""
    for path in ("/metrics", "/metrics/main"):
        declared = re.findall(r"^# TYPE (\S+)", serving.page(path).text, re.MULTILINE)
        assert sorted(declared) == sorted(set(declared))
