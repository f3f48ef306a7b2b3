"""One user table held in ACCESS EXCLUSIVE: the page does not wait for it, and nobody waits behind us."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from tests.serving import BRISK, Serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import PostgresFactory


def test_a_locked_table_costs_its_own_size_only(private_postgres: PostgresFactory, tmp_path: Path) -> None:
    """Scrapes stay as fast as ever, only the relation's size is missing, none of our backends waits."""
    server = private_postgres()
    server.execute(
        "app",
        "CREATE TABLE held AS SELECT 1 AS one",
        "CREATE TABLE free AS SELECT 1 AS one",
        "CREATE INDEX held_one ON held (one)",
    )
    target = {"name": "main", "dsn": server.dsn("app"), "sizes_interval": "200ms"}
    with Serving(tmp_path, {"postgres": [target], "scrape": BRISK}) as observer:
        before = observer.wait_up("main")
        assert {
            labels["relname"] for labels, _ in before.samples("pg_stat_user_tables_table_size_bytes")
        } == {
            "held",
            "free",
        }
        calm = statistics.median(observer.seconds() for _ in range(15))
        waited = 0
        with server.connect("app") as holder, server.connect("app") as watcher, holder.transaction():
            holder.execute("LOCK TABLE held IN ACCESS EXCLUSIVE MODE")
            observer.fresh("main")
            taken = []
            for _ in range(15):
                taken.append(observer.seconds())
                row = watcher.execute(
                    "SELECT count(*) FROM pg_catalog.pg_locks WHERE NOT granted"
                    " OR (relation = 'held'::pg_catalog.regclass AND pid <> %s)",
                    (holder.info.backend_pid,),
                ).fetchone()
                waited += row[0] if row else 0
            during = observer.fresh("main")
            after = observer.fresh("main")
        assert statistics.median(taken) < 3 * calm + 0.05
        assert waited == 0
        for page in (during, after):
            assert page.value("pg_up") == 1
            assert page.value("pg_exporter_last_scrape_error") == 0
            sizes = page.samples("pg_stat_user_tables_table_size_bytes")
            assert [labels["relname"] for labels, _ in sizes] == ["free"]
            assert before.names - page.names == set()
        assert observer.status("main")["faults"] == []
        healed = observer.fresh("main")
        assert len(healed.samples("pg_stat_user_tables_index_size_bytes")) == 2
        assert observer.events("fault") == []


def test_a_lock_that_is_only_awaited_is_left_alone_too(
    private_postgres: PostgresFactory, tmp_path: Path
) -> None:
    """A pending ALTER TABLE blocks those who come after it; we are not among them."""
    server = private_postgres()
    server.execute("app", "CREATE TABLE read AS SELECT 1 AS one", "CREATE TABLE free AS SELECT 1 AS one")
    target = {"name": "main", "dsn": server.dsn("app"), "sizes_interval": "200ms"}
    with (
        Serving(tmp_path, {"postgres": [target], "scrape": BRISK}) as observer,
        server.connect("app") as reader,
        server.connect("app") as changer,
    ):
        observer.wait_up("main")
        with reader.transaction():
            reader.execute("SELECT * FROM read")
            changer.pgconn.send_query(b"ALTER TABLE read ADD COLUMN two int")
            for _ in range(3):
                page = observer.fresh("main")
            assert page.value("pg_exporter_last_scrape_error") == 0
            sizes = page.samples("pg_stat_user_tables_table_size_bytes")
            assert [labels["relname"] for labels, _ in sizes] == ["free"]
        while changer.pgconn.get_result() is not None:
            pass
