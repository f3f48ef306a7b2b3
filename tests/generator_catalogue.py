"""The exporter's declarations where it is there, else the few that the templates ask for."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Declared:
    name: str
    type: str
    labels: tuple[str, ...]
    kind: str
    help: str = ""


ACTIVITY = (
    "application_name",
    "backend_type",
    "datname",
    "state",
    "usename",
    "wait_event",
    "wait_event_type",
)
STATEMENT = ("datname", "queryid", "user")
POOL = ("database", "user")
OWN = (
    Declared("pg_up", "gauge", (), "postgres"),
    Declared("pg_stat_activity_count", "gauge", ACTIVITY, "postgres"),
    Declared("pg_stat_activity_max_tx_duration", "gauge", ACTIVITY, "postgres"),
    Declared("pg_settings_*", "gauge", (), "postgres"),
    Declared("pg_locks_count", "gauge", ("datname", "mode"), "postgres"),
    Declared("pg_database_size_bytes", "gauge", ("datname",), "postgres"),
    Declared("pg_stat_database_numbackends", "gauge", ("datid", "datname"), "postgres"),
    *(
        Declared(f"pg_stat_database_{name}", "counter", ("datid", "datname"), "postgres")
        for name in (
            "blks_hit",
            "blks_read",
            "deadlocks",
            "temp_bytes",
            "tup_deleted",
            "tup_fetched",
            "tup_inserted",
            "tup_returned",
            "tup_updated",
            "xact_commit",
            "xact_rollback",
        )
    ),
    *(
        Declared(f"pg_stat_statements_{name}_total", "counter", STATEMENT, "postgres")
        for name in ("calls", "rows", "seconds", "block_read_seconds", "block_write_seconds")
    ),
    Declared("pg_stat_statements_query_id", "counter", ("query", "queryid"), "postgres"),
    Declared("pg_scrape_collector_success", "gauge", ("collector",), "postgres"),
    Declared("pgbouncer_up", "gauge", (), "pgbouncer"),
    Declared("pgbouncer_pools_client_maxwait_seconds", "gauge", POOL, "pgbouncer"),
    Declared("pgbouncer_pools_client_waiting_connections", "gauge", POOL, "pgbouncer"),
    Declared("pgbouncer_pools_client_active_connections", "gauge", POOL, "pgbouncer"),
    Declared("pgbouncer_pools_server_active_connections", "gauge", POOL, "pgbouncer"),
    Declared(
        "pgbouncer_databases_pool_size",
        "gauge",
        ("database", "force_user", "host", "name", "pool_mode", "port"),
        "pgbouncer",
    ),
    Declared("hikaricp_up", "gauge", (), "hikari"),
    Declared("hikaricp_connections_pending", "gauge", ("pool",), "hikari"),
    Declared("hikaricp_connections_active", "gauge", ("pool",), "hikari"),
    Declared("hikaricp_connections_idle", "gauge", ("pool",), "hikari"),
    Declared("hikaricp_connections_max", "gauge", ("pool",), "hikari"),
    Declared("hikaricp_connections_timeout_total", "counter", ("pool",), "hikari"),
    Declared("redis_up", "gauge", (), "redis"),
    Declared("redis_memory_used_bytes", "gauge", (), "redis"),
    Declared("redis_memory_max_bytes", "gauge", (), "redis"),
    Declared("redis_connected_clients", "gauge", (), "redis"),
    Declared("redis_keyspace_hits_total", "counter", (), "redis"),
    Declared("redis_keyspace_misses_total", "counter", (), "redis"),
    Declared("redis_evicted_keys_total", "counter", (), "redis"),
    Declared("redis_rejected_connections_total", "counter", (), "redis"),
    Declared("redis_commands_total", "counter", ("cmd",), "redis"),
    Declared("redis_commands_duration_seconds_total", "counter", ("cmd",), "redis"),
)


def declarations() -> Any:
    """The exporter's own declarations once it has them: the templates are then held against the real ones."""
    if importlib.util.find_spec("observer.app.catalogue") is not None:
        return importlib.import_module("observer.app.catalogue").catalogue()
    return OWN
