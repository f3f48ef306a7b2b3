"""Who blocks whom, asked of a real server while sessions queue behind a lock."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest

from observer.errors import NotPermitted, TargetUnreachable
from observer.incidents.model import Alert, Ending, Incident, Member
from observer.reports.blocked import BlockedSessions
from observer.targets.postgres import PostgresAddress
from tests.conditions import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from observer.demo.servers import PostgresServer

DATABASE = "blocked_sessions"


@pytest.fixture(scope="module")
def server(postgres: PostgresServer) -> PostgresServer:
    postgres.create_database(DATABASE)
    with postgres.connect(DATABASE) as connection:
        connection.execute("CREATE TABLE orders (id int PRIMARY KEY, note text)")
        connection.execute("INSERT INTO orders VALUES (1, ''), (2, '')")
        connection.execute("CREATE ROLE blocked_blind LOGIN")
    return postgres


@pytest.fixture
def source(server: PostgresServer) -> BlockedSessions:
    return BlockedSessions({"main": PostgresAddress.parse(server.dsn(DATABASE), lambda: None)})


def incident(name: str = "PostgresSessionsBlocked") -> Incident:
    alert = Alert(
        fingerprint="a",
        firing=True,
        labels={"alertname": name},
        annotations={},
        starts_at=0.0,
        ends_at=None,
        generator_url="",
    )
    return Incident(
        id=1,
        group_keys=frozenset({"g"}),
        receiver="observer",
        external_url="",
        group_labels={},
        opened_at=0.0,
        changed_at=0.0,
        seen_at=0.0,
        members={"a": Member(alert=alert, ending=Ending.NOT)},
    )


@pytest.fixture
def queue(server: PostgresServer) -> Iterator[list[psycopg.Connection[object]]]:
    """A forgotten transaction that holds a row, one that waits for it, and one that waits for that one."""
    dsn = server.dsn(DATABASE)
    job, web, worker = (psycopg.connect(dsn, application_name=n) for n in ("nightly-job", "web", "worker"))
    job.execute("UPDATE orders SET note = 'secret-word' WHERE id = 1")
    web.execute("UPDATE orders SET note = 'b' WHERE id = 2")
    waiters = [
        threading.Thread(target=connection.execute, args=(statement,), daemon=True)
        for connection, statement in (
            (web, "UPDATE orders SET note = 'b' WHERE id = 1"),
            (worker, "UPDATE orders SET note = 'c' WHERE id = 2"),
        )
    ]
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s"
    with psycopg.connect(dsn, autocommit=True) as looking:
        for number, thread in enumerate(waiters, start=1):
            thread.start()
            wait_for(lambda n=number: looking.execute(waiting, (DATABASE,)).fetchone() == (n,), "the queue")
    yield [job, web, worker]
    # In the order in which they wait for each other.
    for connection, thread in zip((job, web, worker), (None, *waiters), strict=True):
        if thread is not None:
            thread.join(20)
        connection.close()


def test_the_head_of_the_queue_is_named(
    source: BlockedSessions, queue: list[psycopg.Connection[object]]
) -> None:
    """The one that waits for nobody is blamed for all behind it, with what it does and how to end it."""
    assert source.evidence(incident("PostgresCacheHitLow")) is None, "a lock explains no cache"
    told = source.evidence(incident())
    assert told is not None
    pid = queue[0].info.backend_pid
    assert told.title == f"nightly-job (pid {pid}) blocks 2 sessions"
    assert told.sentences[0].startswith(
        f"pid {pid} of nightly-job holds up 2 sessions: idle in transaction for "
    )
    assert "UPDATE orders SET note = ? WHERE id = ?" in told.sentences[0]
    assert f"pg_terminate_backend({pid})" in told.sentences[-1]
    assert [row[1:3] for row in told.rows] == [
        ("nightly-job", "idle in transaction"),
        ("web", "waits"),
        ("worker", "waits"),
    ]
    assert "secret-word" not in str(told)


def test_what_is_said_follows_the_queue_and_stays(
    source: BlockedSessions, queue: list[psycopg.Connection[object]]
) -> None:
    """When the head lets go the next one is named; when all is over, the last words stay."""
    queue[0].rollback()
    wait_for(lambda: "web (pid" in str(source.evidence(incident())), "the next one is named")
    told = source.evidence(incident())
    assert told is not None
    queue[1].rollback()
    wait_for(lambda: source.evidence(incident()) is None, "the queue is gone")
    assert source.evidence(replace(incident(), evidence=told)) == told
    assert source.evidence(replace(incident(), evidence=told, resolved_at=9.0)) == told


def test_where_nobody_waits_nothing_is_said(source: BlockedSessions) -> None:
    """No evidence is better than words without any; other alerts are none of its business."""
    assert source.evidence(incident()) is None
    assert source.evidence(incident("RedisDown")) is None


def test_what_stands_in_the_way_is_told(server: PostgresServer) -> None:
    """A role that sees no other sessions, and a server that is away, are faults with a sentence."""
    blind = PostgresAddress.parse(server.dsn(DATABASE, user="blocked_blind"), lambda: None)
    with pytest.raises(NotPermitted, match="hidden") as refused:
        BlockedSessions({"main": blind}).evidence(incident())
    assert "pg_monitor" in refused.value.remedy
    away = PostgresAddress.parse("postgresql://nobody@127.0.0.1:1/x", lambda: None)
    with pytest.raises(TargetUnreachable):
        BlockedSessions({"main": away}).evidence(incident())
