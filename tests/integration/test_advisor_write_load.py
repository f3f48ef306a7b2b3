"""The write load of an index: what statements wrote, and how many updates were heap-only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from observer.advisor.advise import advise
from observer.advisor.request import KeptEntry, KeptSample, Request

if TYPE_CHECKING:
    from observer.demo.servers import PostgresServer

DATABASE = "advised_on_what_is_written"
TEXTS = {
    "select id from visits where person = $1": 60,
    "copy visits (person) from stdin": 600,
    "update visits set person = $1 where id = $2": 60,
    "update visits set counter = counter + 1 where id = $1": 240,
    "delete from visits where id = $1": 30,
}
"""Rows of each in a minute."""


def test_the_write_load_follows_from_what_is_written(postgres: PostgresServer, hypopg: None) -> None:  # noqa: ARG001 - it is there
    """Copied rows and updates of the column make entries; the latter were heap-only, and cease to be.

    Nine in ten of the updates that the server counted were heap-only.
    """
    postgres.create_database(DATABASE, extensions=("hypopg",))
    with psycopg.connect(postgres.dsn(DATABASE), autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE visits (id integer PRIMARY KEY, person integer, counter integer DEFAULT 0)"
            " WITH (fillfactor = 50, autovacuum_enabled = off);"
            "INSERT INTO visits (id, person) SELECT n, n % 2000 FROM generate_series(1, 20000) n"
        )
        connection.execute("VACUUM ANALYZE visits")
        connection.execute("UPDATE visits SET counter = 1 WHERE id % 20 = 0")
        connection.execute("UPDATE visits SET id = -id WHERE id % 180 = 1")
        connection.execute("SELECT pg_stat_force_next_flush()")
    entries = tuple(
        KeptEntry(queryid=number, text=text, calls=60, total_ms=6000 if number == 1 else 1, rows=rows)
        for number, (text, rows) in enumerate(TEXTS.items(), 1)
    )
    report = advise(
        Request(
            dsn=postgres.dsn(DATABASE),
            before=KeptSample(at=0, entries=()),
            after=KeptSample(at=60, entries=entries),
            deadline=30,
        )
    )
    [item] = report.recommendations
    assert item.ddl.endswith("ON public.visits (person)")
    with psycopg.connect(postgres.dsn(DATABASE)) as connection:
        [(updated, hot)] = connection.execute(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'visits'"
        ).fetchall()
    assert 0.85 < hot / updated < 0.95
    assert abs(item.hot_lost_per_second - hot / updated) < 0.001
    not_hot = 5 * (1 - hot / updated)
    assert abs(item.writes_per_second - (10 + not_hot + hot / updated)) < 0.001
    assert 0.05 < item.upkeep_ms_per_second < 0.2
