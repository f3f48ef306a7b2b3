"""What the collectors of PostgreSQL bring, from a primary and a standby in every state that they tell of."""

from __future__ import annotations

import re
import subprocess
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from observer.demo.servers import PostgresServer, ordinary_account, private_directory
from observer.exporter.postgres.collectors import sql_collectors
from observer.targets.role import role_script
from tests.conditions import wait_for
from tests.integration.postgres_states import SETTINGS, at_rest, busy, locked, locks, standby_of
from tests.integration.test_exporter_names import LINT
from tests.serving import BRISK, ROOT, Page, Serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATABASE, LOCKED = "collectors_state", "collectors_locked"
SWITCHED_ON = {"process_idle": True, "statio_user_indexes": True}
PEER = yaml.safe_load((ROOT / "docs" / "peers" / "postgres_exporter.yaml").read_text(encoding="utf-8"))

RULES_IN_THE_WILD = (
    "pg_up",
    "pg_exporter_last_scrape_error",
    "pg_postmaster_start_time_seconds",
    "pg_settings_max_connections",
    "pg_settings_superuser_reserved_connections",
    "pg_settings_max_locks_per_transaction",
    "pg_settings_autovacuum_vacuum_scale_factor",
    "pg_settings_autovacuum_vacuum_threshold",
    "pg_stat_activity_count",
    "pg_stat_activity_max_tx_duration",
    "pg_locks_count",
    "pg_stat_database_xact_commit",
    "pg_stat_database_xact_rollback",
    "pg_stat_database_blks_hit",
    "pg_stat_database_blks_read",
    "pg_stat_database_deadlocks",
    "pg_stat_bgwriter_checkpoints_timed_total",
    "pg_stat_bgwriter_checkpoints_req_total",
    "pg_replication_lag",
    "pg_replication_lag_seconds",
    "pg_replication_is_replica",
    "pg_replication_slots_active",
    "pg_stat_user_tables_n_dead_tup",
    "pg_stat_user_tables_n_live_tup",
    "pg_stat_user_tables_last_autovacuum",
    "pg_stat_user_tables_last_autoanalyze",
    "pg_txid_current",
    "pg_bloat_table_bloat_pct",
    "pg_bloat_table_real_size",
    "pg_bloat_btree_bloat_pct",
    "pg_bloat_btree_real_size",
    "pg_general_index_info_pg_relation_size",
)
"""What the peer's mixin and the collection "awesome prometheus alerts" ask for. They also ask for
pg_stat_ssl_compression, which no server has had since PostgreSQL 14."""


def absent(name: str, version: int) -> bool:
    """Whether servers of this version do not have what a metric of the peer tells."""
    return any(
        name.startswith(lacking) and (version < why.get("before", 0) or version >= why.get("from", 99))
        for lacking, why in PEER["absent"].items()
    )


@dataclass(frozen=True)
class World:
    observer: Serving
    primary: PostgresServer
    standby: PostgresServer

    def pages(self) -> tuple[Page, Page]:
        return self.observer.page("/metrics/primary"), self.observer.page("/metrics/standby")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, postgres_bin_dir: Path | None) -> Iterator[World]:
    """A primary with everything going on, its standby, and Observer over both."""
    with ExitStack() as stack:
        directory = stack.enter_context(
            private_directory(prefix="observer-states-", account=ordinary_account())
        )
        primary = PostgresServer.create(directory / "primary", settings=SETTINGS, bin_dir=postgres_bin_dir)
        stack.callback(primary.stop, "immediate")
        primary.start()
        extensions = ("pg_stat_statements", *(["pg_buffercache"] if primary.version >= 16 else []))
        primary.create_database(DATABASE, extensions=extensions)
        primary.create_database(LOCKED)
        with primary.connect(DATABASE) as connection:
            connection.execute(role_script("observer", explain="read-all").encode())
        at_rest(primary, DATABASE)
        locked(primary, LOCKED)
        standby = standby_of(primary, directory / "standby")
        stack.callback(standby.stop, "immediate")
        standby.start()
        stack.enter_context(busy(primary, DATABASE, tmp_path_factory.mktemp("states")))
        stack.enter_context(locks(primary, LOCKED))

        def target(name: str, server: PostgresServer, database: str) -> dict[str, Any]:
            switches = SWITCHED_ON | ({"buffercache_summary": True} if server.version >= 16 else {})
            return {
                "name": name,
                "dsn": server.dsn(database, user="observer"),
                "databases": {"include": [database]},
                "sizes_interval": "1s",
                "slow_interval": "1s",
                **({"collectors": switches} if database == DATABASE else {}),
            }

        config = {
            "postgres": [
                target("primary", primary, DATABASE),
                target("standby", standby, DATABASE),
                target("locked", primary, LOCKED),
            ],
            "scrape": BRISK | {"deadline": "20s"},
        }
        observer = stack.enter_context(Serving(tmp_path_factory.mktemp("collectors"), config))
        for name in ("primary", "standby", "locked"):
            observer.wait_up(name, seconds=60)
        made = World(observer, primary, standby)
        with primary.connect() as connection:

            def replayed() -> bool:
                row = connection.execute(
                    "SELECT count(*) FROM pg_replication_slots WHERE active AND xmin IS NOT NULL"
                ).fetchone()
                return row is not None and row[0] == 1

            wait_for(replayed, "the standby streams and says what it reads", seconds=60)
        wait_for(
            lambda: "pg_stat_statements_query_id" in observer.page("/metrics/primary").names,
            "texts of statements",
            seconds=30,
        )
        yield made


def test_every_collector_that_fits_succeeds(world: World) -> None:
    """None fails on either role or for lack of rights; left out is what its header does not want."""
    for page, server, standby in zip(
        world.pages(), (world.primary, world.standby), (False, True), strict=True
    ):
        with server.connect() as connection:
            version = connection.info.server_version
        expected = {
            file.name
            for file in sql_collectors()
            if file.requires.met(version=version, standby=standby)
            and (file.enabled or file.name in SWITCHED_ON or file.name == "buffercache_summary")
        }
        found = {labels["collector"]: value for labels, value in page.samples("pg_scrape_collector_success")}
        assert expected - found.keys() == set()
        assert [name for name, value in found.items() if value != 1] == []


def test_names_types_and_labels_are_the_peers(world: World) -> None:
    """Each metric of postgres_exporter is there with its type and labels, but for what the version lacks."""
    primary, standby = world.pages()
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)", primary.text + standby.text, re.MULTILINE))
    version = world.primary.version
    wrong = []
    for group in PEER["metrics"]:
        for name in group["names"]:
            if absent(name, version):
                continue
            sample = f"{name}_bucket" if group["type"] == "histogram" else name
            labels = {*group["labels"], *({"le"} if group["type"] == "histogram" else ())}
            found = [set(pair[0]) for page in (primary, standby) for pair in page.samples(sample)]
            if types.get(name) != group["type"] or not found or any(one != labels for one in found):
                wrong.append((name, types.get(name), found[:1]))
    assert wrong == []


def test_rules_in_the_wild_find_their_metrics(world: World) -> None:
    """Whatever published rules ask for has samples, and so have the names that are older than the peer's."""
    primary, standby = world.pages()
    wanted = {*RULES_IN_THE_WILD, *PEER["older"], *PEER["newer"]}
    assert wanted - (primary.names | standby.names) == set()


def test_who_blocks_whom_is_told(world: World) -> None:
    """B waits for A, C for B, and an index build for A: three blocked, one to blame, two deep."""
    told = world.observer.page("/metrics/primary")
    assert told.value("pg_blocked_sessions", datname=DATABASE) == 3
    assert told.value("pg_blocking_sessions", datname=DATABASE) == 1
    assert told.value("pg_blocking_chain_depth", datname=DATABASE) == 2
    assert told.value("pg_longest_blocked_seconds", datname=DATABASE) > 0
    assert told.value("pg_blocked_sessions", datname=LOCKED) == 1
    assert told.value("pg_blocked_sessions", datname="postgres") == 0


def test_transactions_that_hold_others_up_are_told(world: World) -> None:
    """Prepared and idle ones, how long they last, who keeps vacuum from cleaning; 0 where there is none."""
    page, standby = world.pages()
    assert page.value("pg_prepared_xacts_count", datname=DATABASE) == 1
    assert page.value("pg_prepared_xacts_oldest_seconds", datname=DATABASE) > 0
    assert page.value("pg_prepared_xacts_count", datname="postgres") == 0
    assert page.value("pg_idle_in_transaction_sessions", datname=DATABASE) >= 2
    assert page.value("pg_idle_in_transaction_longest_seconds", datname=DATABASE) > 0
    assert page.value("pg_idle_in_transaction_sessions", datname="template1") == 0
    assert page.value("pg_long_running_transactions") >= 5
    ages = {labels["holder"]: value for labels, value in page.samples("pg_xmin_horizon_age_xids")}
    assert ages.keys() == {
        "session", "standby", "prepared_transaction", "replication_slot", "replication_slot_catalog"
    }  # fmt: skip
    assert ages["prepared_transaction"] > 0
    assert ages["session"] > 0
    assert standby.value("pg_xmin_horizon_age_xids", holder="prepared_transaction") == 0


def test_what_sessions_wait_for_is_told(world: World) -> None:
    """By type and event; a database where nobody works has a 0."""
    page = world.observer.page("/metrics/primary")
    assert page.value("pg_wait_events_sessions", datname=DATABASE, wait_event="PgSleep") == 1
    assert page.sum("pg_wait_events_sessions", datname=DATABASE, wait_event_type="Lock") == 3
    assert page.value("pg_wait_events_sessions", datname="template1") == 0
    assert page.sum("pg_stat_ssl_connections", ssl="false") >= 5
    assert page.value("pg_stat_ssl_connections", ssl="true") == 0
    idle = page.samples("pg_process_idle_seconds_bucket", state="idle", le="+Inf")
    assert sum(value for _, value in idle) >= 1


def test_indexes_and_sequences_that_need_somebody_are_told(world: World) -> None:
    """What is broken, double, unused or nearly used up. What is being built is not broken."""
    page = world.observer.page("/metrics/primary")
    assert page.value("pg_indexes_invalid", datname=DATABASE) == 1
    assert page.value("pg_indexes_duplicate", datname=DATABASE) == 1
    assert page.value("pg_indexes_duplicate_bytes", datname=DATABASE) > 0
    assert page.value("pg_indexes_unused", datname=DATABASE) >= 3
    broken = page.samples("pg_general_index_info_pg_relation_size")
    assert [labels["indexrelname"] for labels, _ in broken] == ["broken_ccnew"]
    assert page.value("pg_stat_user_indexes_idx_scan_total", indexrelname="twins_a") == 0
    assert page.value("pg_stat_user_indexes_size_bytes", indexrelname="swollen_id") > 1 << 20
    used = {labels["sequencename"]: value for labels, value in page.samples("pg_sequence_used_ratio")}
    assert used == {
        "ids_id_seq": pytest.approx(32000 / 32767, abs=0.001),
        "narrow_id_seq": pytest.approx(2000000000 / 2147483647, abs=0.001),
    }


def test_bloat_is_estimated(world: World) -> None:
    """Of tables, TOAST and indexes of which four fifths were deleted and nothing was inserted since."""
    page = world.observer.page("/metrics/primary")
    assert page.value("pg_bloat_table_bloat_pct", relname="swollen") == pytest.approx(80, abs=5)
    assert page.value("pg_bloat_toast_bloat_pct", relname="toasted") == pytest.approx(80, abs=5)
    assert page.value("pg_bloat_btree_bloat_pct", idxname="swollen_id") == pytest.approx(80, abs=8)
    assert page.value("pg_bloat_table_bloat_pct", relname="tidy") == pytest.approx(0, abs=10)


def test_progress_is_told(world: World) -> None:
    """Of a vacuum in exactly one phase, of autovacuum, ANALYZE, CREATE INDEX, COPY and a base backup."""
    page = world.observer.page("/metrics/primary")
    phases = {
        labels["phase"]: value
        for labels, value in page.samples("pg_stat_progress_vacuum_phase", relname="vacuumed")
    }
    assert len(phases) == 7
    assert [phase for phase, value in phases.items() if value] == ["scanning heap"]
    assert page.value("pg_stat_progress_vacuum_heap_blks", relname="vacuumed") > 1000
    assert page.value("pg_stat_activity_autovacuum_timestamp_seconds", relname="autovacuumed") > 1.6e9
    assert page.value("pg_stat_progress_analyze_sample_blks", relname="analysed") > 1000
    assert (
        page.value(
            "pg_stat_progress_create_index_lockers", relname="building", command="CREATE INDEX CONCURRENTLY"
        )
        == 1
    )
    assert len(page.samples("pg_stat_progress_copy_tuples_processed", command="COPY FROM")) == 1
    if (world.primary.bin_dir / "pg_basebackup").exists():
        assert page.sum("pg_stat_progress_basebackup_backup_streamed_bytes") >= 0
        assert page.names >= {"pg_stat_progress_basebackup_tablespaces"}


def test_the_servers_own_work_is_told(world: World) -> None:
    """Temporary files of now, WAL, its archive, small caches, sessions; I/O from PostgreSQL 16 on."""
    page, _ = world.pages()
    assert page.value("pg_temp_files_open", tablespace="pg_default") >= 1
    assert page.value("pg_temp_files_size_bytes", tablespace="pg_default") > 0
    assert page.value("pg_wal_segments") >= 1
    assert page.value("pg_archive_ready_files") >= 0
    assert page.value("pg_stat_archiver_archived_count") >= 1
    assert page.value("pg_stat_wal_records_total") > 1000
    assert page.value("pg_stat_wal_syncs_total") >= 0
    assert page.sum("pg_stat_slru_blks_hit_total") > 0
    assert page.sum("pg_stat_database_sessions_total", datname=DATABASE) > 5
    assert page.value("pg_txid_current") > 700
    with world.primary.connect(DATABASE) as connection:
        row = connection.execute("SELECT pg_catalog.current_setting('data_checksums')").fetchone()
    failures = page.samples("pg_stat_database_checksum_failures_total", datname=DATABASE)
    assert [value for _, value in failures] == ([0] if row == ("on",) else [])
    if world.primary.version >= 16:
        written = page.samples(
            "pg_stat_io_write_bytes_total", backend_type="client backend", object="relation"
        )
        assert sum(value for _, value in written) >= 0
        assert page.sum("pg_stat_io_extend_bytes_total") > 1 << 20
        assert page.value("pg_stat_bgwriter_buffers_alloc_total") > 0
    if world.primary.version >= 17:
        assert page.value("pg_stat_checkpointer_num_requested_total") == page.value(
            "pg_stat_bgwriter_checkpoints_req_total"
        )


def test_replication_is_told_on_both_sides(world: World) -> None:
    """The primary tells who receives and what slots keep, the standby what it receives."""
    page, standby = world.pages()
    assert (page.value("pg_replication_is_replica"), standby.value("pg_replication_is_replica")) == (0, 1)
    assert page.value("pg_replication_standbys") >= 1
    assert standby.value("pg_replication_is_receiving") == 1
    assert standby.value("pg_replication_replay_paused") == 0
    assert page.samples("pg_replication_is_receiving") == []
    assert (
        page.value("pg_stat_replication_pg_wal_lsn_diff", application_name="second", slot_name="standby_slot")
        >= 0
    )
    assert page.value("pg_stat_replication_replay_lag_seconds", application_name="second") >= 0
    active = {labels["slot_name"]: value for labels, value in page.samples("pg_replication_slots_active")}
    assert active == {"standby_slot": 1, "logical": 0}
    assert page.value("pg_replication_slots_pg_wal_lsn_diff", slot_name="logical", database=DATABASE) > 0
    assert page.value("pg_replication_slots_catalog_xmin_age", slot_name="logical") > 0
    assert page.value("pg_replication_slots_wal_status", slot_name="logical", wal_status="reserved") == 1
    assert page.value("pg_stat_replication_slots_decoded_bytes_total", slot_name="logical") == 0
    assert standby.value("pg_stat_wal_receiver_status", slot_name="standby_slot") == 2
    assert standby.value("pg_stat_wal_receiver_flushed_lsn") > 0
    assert page.value("pg_stat_subscription_enabled", subname="quiet", datname=DATABASE) == 0
    assert page.value("pg_subscription_tables", subname="quiet", state="ready") == 0


def test_a_lock_costs_what_is_locked_and_nothing_else(world: World) -> None:
    """Sizes of what is locked exclusively, or about to be, are left out; none of our queries ever waits."""
    waited = 0
    ending = threading.Event()

    def watch() -> None:
        nonlocal waited
        with world.primary.connect() as connection:
            while not ending.wait(0.01):
                row = connection.execute(
                    "SELECT count(*) FROM pg_catalog.pg_stat_activity"
                    " WHERE usename = 'observer' AND wait_event_type = 'Lock'"
                ).fetchone()
                waited = max(waited, row[0] if row else 0)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(3):
            world.observer.fresh("locked")
    finally:
        ending.set()
        watcher.join()
    page = world.observer.page("/metrics/locked")
    assert waited == 0
    assert world.observer.status("locked")["faults"] == []
    assert {value for _, value in page.samples("pg_scrape_collector_success")} == {1.0}
    sized = {labels["relname"] for labels, _ in page.samples("pg_stat_user_tables_table_size_bytes")}
    assert sized == {"open"}
    counted = {labels["relname"] for labels, _ in page.samples("pg_stat_user_tables_n_live_tup")}
    assert counted >= {"open", "locked", "awaited", "indexed"}
    assert [labels["sequencename"] for labels, _ in page.samples("pg_sequence_used_ratio")] == [
        "open_numbers"
    ]
    assert page.samples("pg_stat_user_indexes_size_bytes") == []


def test_promtool_has_no_complaint_but_of_style(world: World) -> None:
    """Neither of a primary nor of a standby; and no series stands twice."""
    for name in ("primary", "standby"):
        text = world.observer.page(f"/metrics/{name}").text
        checked = subprocess.run(
            ["promtool", "check", "metrics"],
            input=text.encode(),
            capture_output=True,
            timeout=60,
            check=False,
        )
        complaints = (checked.stdout + checked.stderr).decode().splitlines()
        assert [line for line in complaints if not any(re.match(pattern, line) for pattern, _ in LINT)] == []
        assert checked.returncode in (0, 3)
        lines = [line.rpartition(" ")[0] for line in text.splitlines() if line[:1] != "#"]
        assert len(lines) == len(set(lines))
