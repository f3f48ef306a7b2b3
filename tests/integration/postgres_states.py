"""Brings a PostgreSQL server into the states that collectors tell of: blocked, prepared, swollen."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import threading
from typing import TYPE_CHECKING

import psycopg

from observer.demo.servers import PostgresServer, ordinary_account
from observer.demo.servers.account import hand_over
from observer.demo.servers.process import run_as
from tests.conditions import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import LiteralString, Self

SETTINGS = {
    "wal_level": "logical",
    "max_prepared_transactions": "5",
    "max_slot_wal_keep_size": "1GB",
    "archive_mode": "on",
    "archive_command": "true",
    "autovacuum_naptime": "1s",
    "track_wal_io_timing": "on",
}

_AT_REST: tuple[LiteralString, ...] = (
    "CREATE TABLE held (id int PRIMARY KEY, note text)",
    "INSERT INTO held SELECT g FROM generate_series(1, 3) g",
    "CREATE TABLE building AS SELECT 1 AS one",
    "CREATE TABLE twins AS SELECT g AS a, 1 AS b FROM generate_series(1, 100) g",
    "CREATE INDEX twins_a ON twins (a)",
    "CREATE INDEX twins_a_again ON twins (a)",
    "CREATE TABLE ids (id smallserial)",
    "SELECT setval('ids_id_seq', 32000)",
    "CREATE TABLE narrow (id int)",
    "CREATE SEQUENCE narrow_id_seq AS bigint OWNED BY narrow.id",
    "SELECT setval('narrow_id_seq', 2000000000)",
    "CREATE SEQUENCE round_and_round CYCLE",
    """
    CREATE TABLE swollen WITH (autovacuum_enabled = off) AS
    SELECT g AS id, repeat('x', 100) AS filler FROM generate_series(1, 100000) g
    """,
    "CREATE INDEX swollen_id ON swollen (id)",
    "CREATE TABLE toasted (id int, body text) WITH (autovacuum_enabled = off)",
    "ALTER TABLE toasted ALTER COLUMN body SET STORAGE EXTERNAL",
    "INSERT INTO toasted SELECT g, repeat('x', 4000) FROM generate_series(1, 1000) g",
    "DELETE FROM swollen WHERE id % 5 <> 0",
    "DELETE FROM toasted WHERE id % 5 <> 0",
    "CREATE TABLE tidy AS SELECT g AS id, repeat('x', 100) AS filler FROM generate_series(1, 20000) g",
    "VACUUM (ANALYZE) tidy",
    "VACUUM (ANALYZE) swollen",
    "VACUUM (ANALYZE) toasted",
    """
    CREATE TABLE vacuumed WITH (autovacuum_enabled = off) AS
    SELECT g AS id, repeat('x', 1000) AS filler FROM generate_series(1, 20000) g
    """,
    """
    CREATE TABLE analysed WITH (autovacuum_enabled = off) AS
    SELECT g AS id, repeat('x', 1000) AS filler FROM generate_series(1, 20000) g
    """,
    """
    CREATE TABLE autovacuumed WITH (
        autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1
    ) AS SELECT g AS id, repeat('x', 1000) AS filler FROM generate_series(1, 20000) g
    """,
    "CREATE TABLE copied (one int)",
    """
    CREATE SUBSCRIPTION quiet CONNECTION 'host=127.0.0.1' PUBLICATION none
      WITH (connect = false, slot_name = NONE, enabled = false)
    """,
    "SELECT pg_create_logical_replication_slot('logical', 'pgoutput')",
    "SELECT pg_create_physical_replication_slot('standby_slot')",
    "SELECT pg_switch_wal()",
)


def at_rest(server: PostgresServer, database: str) -> None:
    """Everything that stays by itself: tables, indexes, sequences, slots, a subscription."""
    server.execute(database, *_AT_REST)
    with server.connect(database) as connection, contextlib.suppress(psycopg.errors.UniqueViolation):
        connection.execute("CREATE UNIQUE INDEX CONCURRENTLY broken_ccnew ON twins (b)")


def locked(server: PostgresServer, database: str) -> None:
    """A database for `Locks`."""
    server.execute(
        database,
        "CREATE TABLE open AS SELECT 1 AS one",
        "CREATE TABLE locked AS SELECT 1 AS one",
        "CREATE TABLE awaited AS SELECT 1 AS one",
        "CREATE TABLE indexed AS SELECT 1 AS one",
        "CREATE INDEX indexed_one ON indexed (one)",
        "CREATE SEQUENCE open_numbers",
        "CREATE SEQUENCE locked_numbers",
    )


def standby_of(primary: PostgresServer, directory: Path) -> PostgresServer:
    """A standby of a running server, from a base backup; where the programs lack that, from a cold copy."""
    standby = PostgresServer.create(directory, settings=SETTINGS, bin_dir=primary.bin_dir)
    shutil.rmtree(standby.data)
    program = primary.bin_dir / "pg_basebackup"
    if program.exists():
        arguments = [
            str(program),
            "-D",
            str(standby.data),
            "-d",
            primary.dsn(),
            "--checkpoint=fast",
            "--no-sync",
        ]
        run_as(ordinary_account(), arguments, directory=directory, seconds=120)
    else:
        primary.stop()
        run_as(
            ordinary_account(),
            ["cp", "-a", str(primary.data), str(standby.data)],
            directory=directory,
            seconds=120,
        )
        (standby.data / "postmaster.pid").unlink(missing_ok=True)
        primary.start()
    upstream = f"host={primary.host} port={primary.port} user={primary.superuser} application_name=second"
    standby.configure(
        {
            **SETTINGS,
            "primary_conninfo": upstream,
            "primary_slot_name": "standby_slot",
            "hot_standby_feedback": "on",
            "wal_receiver_status_interval": "1s",
        }
    )
    signal = standby.data / "standby.signal"
    signal.touch()
    hand_over(signal, ordinary_account())
    return standby


class Busy:
    """Sessions that are in the middle of something, until the end of the block."""

    def __init__(self, server: PostgresServer, database: str) -> None:
        self._server, self._database = server, database
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Nobody waits for an orderly end: what is in the middle of something is broken off.
        with self._server.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
        with contextlib.suppress(psycopg.Error):
            self._stack.close()

    def session(self, *statements: LiteralString) -> psycopg.Connection:
        """A session that did this and now waits for its client."""
        connection = self._server.connect(self._database)
        self._stack.callback(connection.close)
        for statement in statements:
            connection.execute(statement)
        return connection

    def doing(self, *statements: LiteralString, until: LiteralString) -> None:
        """A session whose last statement takes for ever.

        Args:
            statements: What it does.
            until: A query that is true once it is in the middle of the last.
        """
        connection = self.session(*statements[:-1])

        def run() -> None:
            with contextlib.suppress(psycopg.Error):
                connection.execute(statements[-1])

        threading.Thread(target=run, daemon=True).start()
        self.waits_for(until)

    def waits_for(self, condition: LiteralString, *, seconds: float = 30) -> None:
        """Return once a query is true."""
        with self._server.connect(self._database) as watching:
            wait_for(
                lambda: (watching.execute(condition).fetchone() or (False,))[0], condition, seconds=seconds
            )

    def copying(self) -> None:
        """A COPY whose client sends nothing more."""
        copy = self._stack.enter_context(self.session().cursor().copy("COPY copied FROM STDIN"))
        copy.write(b"1\n")

    def backing_up(self, directory: Path) -> None:
        """A base backup at 32 kB each second, where there is the program."""
        program = self._server.bin_dir / "pg_basebackup"
        if not program.exists():
            return
        process = subprocess.Popen(
            [
                str(program),
                "-D",
                str(directory),
                "-d",
                self._server.dsn(),
                "-r",
                "32k",
                "-X",
                "none",
                "-c",
                "fast",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        self.waits_for("SELECT count(*) > 0 FROM pg_stat_progress_basebackup")


@contextlib.contextmanager
def busy(server: PostgresServer, database: str, directory: Path) -> Iterator[Busy]:
    """Everything at once: what is blocked, prepared, idle, vacuuming, building, copying, sorting, waiting."""
    with Busy(server, database) as sessions:
        sessions.session("BEGIN", "INSERT INTO held VALUES (10)", "PREPARE TRANSACTION 'forgotten'")
        sessions.session(
            "BEGIN", "UPDATE held SET note = 'a' WHERE id = 1", "INSERT INTO building VALUES (2)"
        )
        sessions.doing(
            "BEGIN",
            "UPDATE held SET note = 'b' WHERE id = 2",
            "UPDATE held SET note = 'b' WHERE id = 1",
            until="SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
        )
        sessions.doing(
            "UPDATE held SET note = 'c' WHERE id = 2",
            until="SELECT count(*) = 2 FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
        )
        sessions.doing(
            "CREATE INDEX CONCURRENTLY in_the_making ON building (one)",
            until="SELECT count(*) = 3 FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
        )
        sessions.doing(
            "SET vacuum_cost_delay = 100",
            "SET vacuum_cost_limit = 1",
            "VACUUM (INDEX_CLEANUP on) vacuumed",
            until="SELECT count(*) > 0 FROM pg_stat_progress_vacuum WHERE phase = 'scanning heap'"
            " AND relid = 'vacuumed'::regclass",
        )
        sessions.doing(
            "SET vacuum_cost_delay = 100",
            "SET vacuum_cost_limit = 1",
            "ANALYZE analysed",
            until="SELECT count(*) > 0 FROM pg_stat_progress_analyze",
        )
        sessions.doing(
            "SELECT pg_sleep(3600)",
            until="SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'",
        )
        sessions.session(
            "SET work_mem = '64kB'",
            "BEGIN",
            "DECLARE sorted CURSOR FOR SELECT repeat(g::text, 9) FROM generate_series(1, 20000) g ORDER BY 1",
            "FETCH sorted",
        )
        sessions.session("DELETE FROM autovacuumed").close()
        sessions.waits_for(
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE 'autovacuum: %autovacuumed%'",
            seconds=90,
        )
        sessions.copying()
        sessions.backing_up(directory / "backup")
        sessions.session("SELECT 1")
        yield sessions


@contextlib.contextmanager
def locks(server: PostgresServer, database: str) -> Iterator[None]:
    """A table, an index and a sequence in ACCESS EXCLUSIVE, and a table that somebody waits to have so."""
    with Busy(server, database) as sessions:
        sessions.session(
            "BEGIN", "LOCK TABLE locked", "DROP SEQUENCE locked_numbers", "REINDEX INDEX indexed_one"
        )
        sessions.session("BEGIN", "SELECT FROM awaited")
        sessions.doing(
            "BEGIN",
            "LOCK TABLE awaited",
            until="SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'awaited'::regclass",
        )
        yield
