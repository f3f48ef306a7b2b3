"""How a target is doing, from numbers alone: what is said, and when it is bad."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from observer.app.catalogue import catalogue
from observer.exporter.declaration import Family, MetricDeclaration, label_body
from observer.generator import signals
from observer.reports import busiest as busiest_module
from observer.reports import vitals as vitals_module
from observer.reports.busiest import busiest
from observer.reports.numbers import read_labels
from observer.reports.vitals import LIMITS, vitals

RULES = Path(__file__).resolve().parents[2] / "rules"
NOW = 1_000_000.0


def family(name: str, *samples: tuple[dict[str, str], float]) -> Family:
    metric = MetricDeclaration(name, "gauge", "", "postgres")
    return Family(metric, [("", label_body(labels, labels.values()), value) for labels, value in samples])


def well(kind: str) -> list[Family]:
    """A target of which nothing is bad."""
    client = {"backend_type": "client backend", "state": "active", "datname": "shop"}
    return {
        "postgres": [
            family("pg_postmaster_start_time_seconds", ({}, NOW - 7200)),
            family("pg_stat_activity_count", (client, 9), ({"backend_type": "checkpointer"}, 500)),
            family("pg_settings_max_connections", ({}, 100)),
            family("pg_settings_superuser_reserved_connections", ({}, 3)),
            family("pg_blocked_sessions", ({"datname": "shop"}, 0)),
            family("pg_stat_activity_max_tx_duration", (client, 3.2)),
            family("pg_database_size_bytes", ({"datname": "shop"}, 2e10)),
            family("pg_indexes_invalid", ({"datname": "shop"}, 0)),
            family("pg_stat_database_checksum_failures_total", ({"datname": "shop"}, 0)),
        ],
        "pgbouncer": [
            family("pgbouncer_used_clients", ({}, 20)),
            family("pgbouncer_config_max_client_connections", ({}, 200)),
            family("pgbouncer_pools_client_waiting_connections", ({"database": "shop"}, 0)),
        ],
        "redis": [
            family("redis_memory_used_bytes", ({}, 1e8)),
            family("redis_memory_max_bytes", ({}, 0)),
            family("redis_keyspace_hits_total", ({}, 900)),
            family("redis_keyspace_misses_total", ({}, 100)),
            family("redis_rdb_last_bgsave_status", ({}, 1)),
        ],
        "hikari": [
            family("hikaricp_connections_active", ({"pool": "a"}, 2), ({"pool": "b"}, 2)),
            family("hikaricp_connections_max", ({"pool": "a"}, 10), ({"pool": "b"}, 10)),
            family("hikaricp_connections_pending", ({"pool": "a"}, 0), ({"pool": "b"}, 0)),
        ],
    }[kind]


FACTS = {
    "postgres": {
        "running for": "2 h",
        "connections": "9 of 97",
        "blocked sessions": "0",
        "longest transaction": "3 s",
        "size": "19 GB",
    },
    "pgbouncer": {"clients": "20 of 200", "waiting clients": "0"},
    "redis": {"memory": "95 MB, without a limit", "hits": "90.0% of all lookups since its start"},
    "hikari": {"connections": "4 of 20 in use", "waiting threads": "0"},
}


@pytest.mark.parametrize("kind", FACTS)
def test_what_is_well_is_told_in_few_words(kind: str) -> None:
    """Facts as people say them, and nothing bad."""
    told = vitals(kind, well(kind), now=NOW)
    assert {vital.name: vital.value for vital in told} == FACTS[kind]
    assert not [vital for vital in told if vital.bad or vital.remedy]


SHOP = {"datname": "shop"}
IDLE = {"backend_type": "client backend", "state": "idle in transaction", "application_name": "nightly"}
HOLDER = {"holder": "replication_slot"}
SLOT = {"slot_name": "reports", "database": "shop"}
FROZEN = "pg_database_wraparound_age_datfrozenxid_seconds"
REPLICA = family("pg_replication_is_replica", ({}, 1))


@pytest.mark.parametrize(
    ("kind", "changed", "said"),
    [
        ("postgres", [family("pg_stat_activity_count", (IDLE, 90))], "nearly used up: 90 of 97"),
        ("postgres", [family("pg_blocked_sessions", ({}, 8))], "8 sessions wait for a lock"),
        ("postgres", [family("pg_stat_activity_max_tx_duration", (IDLE, 600))], "nightly left a transaction"),
        ("postgres", [family(FROZEN, (SHOP, 1.5e9))], "Rows of shop wait to be frozen since 1,500 million"),
        ("postgres", [family("pg_xmin_horizon_age_xids", (HOLDER, 9e6))], "A replication slot holds VACUUM"),
        ("postgres", [family("pg_prepared_xacts_oldest_seconds", (SHOP, 9000))], "in shop waits since 2 h"),
        ("postgres", [family("pg_sequence_used_ratio", ({"sequencename": "a"}, 0.9))], "given out 90%"),
        ("postgres", [family("pg_indexes_invalid", (SHOP, 1))], "1 index is invalid in shop"),
        (
            "postgres",
            [family("pg_indexes_invalid", (SHOP, 2)), family("pg_indexes_invalid", ({"datname": "logs"}, 0))],
            "2 indexes are invalid in shop",
        ),
        ("postgres", [family("pg_stat_database_checksum_failures_total", ({}, 2))], "2 pages had a wrong"),
        ("postgres", [REPLICA, family("pg_replication_lag_seconds", ({}, 600))], "standby is 10 min behind"),
        (
            "postgres",
            [family("pg_replication_slots_pg_wal_lsn_diff", (SLOT, 5e10))],
            "reports keeps 47 GB",
        ),
        ("pgbouncer", [family("pgbouncer_used_clients", ({}, 190))], "190 of 200"),
        (
            "pgbouncer",
            [family("pgbouncer_pools_client_maxwait_seconds", ({"database": "a"}, 9))],
            "a wait up",
        ),
        ("pgbouncer", [family("pgbouncer_databases_paused", ({"name": "shop"}, 1))], "shop is paused"),
        ("redis", [family("redis_memory_max_bytes", ({}, 1.05e8))], "nearly used up"),
        ("redis", [family("redis_rdb_last_bgsave_status", ({}, 0))], "The last dump could not be written"),
        (
            "redis",
            [family("redis_master_link_up", ({}, 1), ({"node": "b"}, 0))],
            "the master is down",
        ),
        ("hikari", [family("hikaricp_connections_pending", ({}, 1))], "1 thread waits for a connection"),
    ],
)
def test_what_is_bad_is_said_with_what_mends_it(kind: str, changed: list[Family], said: str) -> None:
    """One sentence, and what to do about it."""
    names = {one.metric.name for one in changed}
    found = [one for one in well(kind) if one.metric.name not in names] + changed
    [bad] = [vital for vital in vitals(kind, found, now=NOW) if vital.bad]
    assert said in bad.bad
    assert bad.remedy


@pytest.mark.parametrize("kind", FACTS)
def test_nothing_is_said_of_what_was_not_read(kind: str) -> None:
    """A target that is down, or a collector that fails, makes no zeros."""
    assert vitals(kind, [], now=NOW) == ()


def test_limits_are_those_of_the_alerts() -> None:
    """The page must not call well what an alert calls bad, nor the other way round."""
    known = signals.load(RULES / "signals", {})
    thresholds = {name: known[name].source.threshold for name in LIMITS}
    assert {name: one and (one.side, one.value) for name, one in thresholds.items()} == {
        name: ("above", value) for name, value in LIMITS.items()
    }


def test_every_metric_that_is_asked_for_exists() -> None:
    """A name that nobody exports would always be well."""
    known = {metric.name for metric in catalogue()}
    asked = set[str]()
    for module in (vitals_module, busiest_module):
        asked |= set(re.findall(r'"((?:pg|pgbouncer|redis|hikaricp)_[a-z_]+)"', inspect.getsource(module)))
    assert len(asked) > 25
    assert {name for name in asked - known if not name.startswith("pg_settings_")} == set()


def test_the_statements_that_take_the_most_time_come_first() -> None:
    """Shares are of all statements, also of those that have no series of their own; texts where known."""

    def of(queryid: str) -> dict[str, str]:
        return {"user": "app", "datname": "shop", "queryid": queryid}

    found = busiest(
        [
            family("pg_stat_statements_seconds_total", (of("1"), 10), (of("2"), 60), (of("other"), 30)),
            family("pg_stat_statements_calls_total", (of("1"), 4), (of("2"), 600), (of("other"), 9)),
            family("pg_stat_statements_query_id", ({"queryid": "2", "query": 'SELECT "a"\nFROM b'}, 1)),
        ]
    )
    assert [(one.text, one.share, one.calls, one.mean_seconds) for one in found] == [
        ('SELECT "a"\nFROM b', 0.6, 600, 0.1),
        ("queryid 1", 0.1, 4, 2.5),
    ]
    assert busiest([family("pg_stat_statements_seconds_total", (of("1"), 0))]) == ()


def test_labels_are_read_as_they_were_written() -> None:
    """Quotes, lines and backslashes come back."""
    labels = {"a": 'x "y" z', "b": "1\n2", "c": "\\d", "e": ""}
    assert read_labels(label_body(labels, labels.values())) == labels
