"""Observer's page beside the pages of Debian 13's exporters, over the same servers: names, types, labels.

Run by the matrix, which has these exporters; pytest does not find this file by itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.conditions import wait_for
from tests.integration.conftest import pgbouncer, postgres, postgres_bin_dir, redis_server, server_root
from tests.matrix.exporters import Series, peer_page, series_of
from tests.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from observer.demo.servers import PgBouncerServer, PostgresServer, RedisServer

__all__ = ["pgbouncer", "postgres", "postgres_bin_dir", "redis_server", "server_root"]

Pages = dict[str, tuple[dict[str, Series], dict[str, Series]]]
"""By kind of target, the peer's series and Observer's."""

COLLECTORS = (
    "database_wraparound",
    "long_running_transactions",
    "postmaster",
    "process_idle",
    "stat_activity_autovacuum",
    "stat_checkpointer",
    "stat_statements",
    "stat_wal_receiver",
    "statio_user_indexes",
    "xlog_location",
)
"""Those of postgres_exporter that are off by default."""

ALSO_OFF_HERE = ("process_idle", "statio_user_indexes")

SELDOM_OR_LATE = {
    "pg_stat_user_tables_table_size_bytes",
    "pg_wal_segments",
    "pg_process_idle_seconds_count",
    "pg_statio_user_indexes_idx_blks_hit_total",
}

OF_THE_EXPORTER = re.compile(r"(go|process|promhttp|(postgres|pgbouncer|redis)_exporter)_")
"""What a page tells of the exporter itself; Observer tells of itself under its own name."""

WITHOUT_SERVER = frozenset({"server"})
"""postgres_exporter's older half labels its series with the server's address, its newer half does not."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A way in which the pages differ on purpose.

    Args:
        series: Of which series, as a pattern of their names.
        reason: Why.
    """

    series: str
    reason: str


DIFFERENCES = {
    "postgres": (
        Difference(
            "pg_stat_archiver_last_archive_age", "nothing was archived: the peer says NaN, Observer nothing"
        ),
        Difference(
            "pg_stat_database_conflicts_confl_active_logicalslot",
            "the peer does not know the column and says untyped; it is a counter like its siblings",
        ),
        Difference(
            "pg_stat_user_tables_size_bytes",
            "postgres_exporter 0.18 split it into table_size_bytes and index_size_bytes",
        ),
        Difference(
            "pg_statio_user_indexes_.*",
            "Observer reads every database, and says by datname whose index it is",
        ),
    ),
    "pgbouncer": (
        Difference(
            "pgbouncer_stats_(?!totals_).*",
            "pgbouncer_exporter 0.11 renamed them to pgbouncer_stats_totals_*",
        ),
    ),
    "redis": (
        Difference(
            "redis_last_key_groups_scrape_duration_milliseconds",
            "tells how long the exporter's own grouping of keys took",
        ),
        Difference(
            "redis_db_keys_cached",
            "KeyDB's; redis_exporter 1.69 takes for it the subexpiry that Redis tells since 7.4",
        ),
        Difference(
            "redis_target_scrape_request_errors_total",
            "counts requests to the exporter's page for many targets",
        ),
    ),
}


@pytest.fixture(scope="module")
def pages(
    tmp_path_factory: pytest.TempPathFactory,
    postgres: PostgresServer,
    pgbouncer: PgBouncerServer,
    redis_server: RedisServer,
) -> Iterator[Pages]:
    """Every page that is compared, read once."""
    folder: Path = tmp_path_factory.mktemp("peers")
    postgres.execute(
        "app",
        "CREATE TABLE compared (id int PRIMARY KEY)",
        "INSERT INTO compared SELECT * FROM pg_catalog.generate_series(1, 1000)",
        "VACUUM ANALYZE compared",
        "SELECT pg_catalog.pg_create_physical_replication_slot('compared', true)",
    )
    with redis_server.connect() as client:
        client.set("key", "value", ex=1000)
    on = dict.fromkeys(ALSO_OFF_HERE, True)
    config = {
        "postgres": [{"name": "postgres", "dsn": postgres.dsn("app"), "collectors": on}],
        "pgbouncer": [{"name": "pgbouncer", "dsn": pgbouncer.dsn(user="stats")}],
        "redis": [{"name": "redis", "url": redis_server.url, "password": "redis-secret"}],
    }
    peers: dict[str, tuple[str, list[str], str, dict[str, str]]] = {
        "postgres": (
            "prometheus-postgres-exporter",
            [f"--collector.{name}" for name in COLLECTORS],
            "--web.listen-address",
            {"DATA_SOURCE_NAME": f"{postgres.dsn('app')}?sslmode=disable"},
        ),
        "pgbouncer": (
            "prometheus-pgbouncer-exporter",
            [f"--pgBouncer.connectionString={pgbouncer.dsn(user='stats')}?sslmode=disable"],
            "--web.listen-address",
            {},
        ),
        "redis": (
            "prometheus-redis-exporter",
            [f"-redis.addr={redis_server.url}", "-redis.password=redis-secret"],
            "-web.listen-address",
            {},
        ),
    }
    # Sessions that are idle are told by how long, and there must be one.
    with postgres.connect("app"), Serving(folder, config) as observer:
        for target in peers:
            observer.wait_up(target, seconds=60)
        wait_for(lambda: observer.page().names >= SELDOM_OR_LATE, "what is read seldom", seconds=60)
        found = {}
        for kind, (program, arguments, listen, environment) in peers.items():
            with peer_page(folder, program, arguments, listen=listen, environment=environment) as page:
                ours = series_of(observer.page(f"/metrics/{kind}").text)
                found[kind] = (series_of(page, without=WITHOUT_SERVER), ours)
        yield found


def differing(peer: dict[str, Series], ours: dict[str, Series]) -> dict[str, str]:
    """How each series of the peer differs here, by name; those that are alike are left out."""
    found = {}
    for name, series in sorted(peer.items()):
        if OF_THE_EXPORTER.match(name):
            continue
        if name not in ours:
            found[name] = f"{series}, here missing"
        elif ours[name] != series:
            found[name] = f"{series}, here {ours[name]}"
    return found


@pytest.mark.parametrize("kind", DIFFERENCES)
def test_every_series_of_the_peer_is_here_with_its_type_and_labels(pages: Pages, kind: str) -> None:
    """But for what is listed above with its reason."""
    peer, ours = pages[kind]
    compared = [name for name in peer if not OF_THE_EXPORTER.match(name)]
    assert len(compared) > 30
    found = differing(peer, ours)
    print(f"{kind}: {len(compared)} series of the peer, {len(found)} differ, {len(ours)} here")
    unexplained = {
        name: how
        for name, how in found.items()
        if not any(re.fullmatch(known.series, name) for known in DIFFERENCES[kind])
    }
    assert unexplained == {}


@pytest.mark.parametrize("kind", DIFFERENCES)
def test_every_listed_difference_is_one(pages: Pages, kind: str) -> None:
    """A reason whose difference has gone does not stay in the list."""
    found = differing(*pages[kind])
    stale = [
        known.series
        for known in DIFFERENCES[kind]
        if not any(re.fullmatch(known.series, name) for name in found)
    ]
    assert stale == []
