"""How a target is doing, from the numbers that were read last: facts, what is bad of it, and what mends it.

What a person wants to know who has given one address and has no Prometheus yet. Alerts ask the same of more
than a moment; where they have a limit, it is theirs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from observer.advisor.budget import in_words as size
from observer.reports.numbers import Numbers
from observer.slack.text import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from observer.exporter.declaration import Family

LIMITS = {
    "postgres.connections_used": 0.85,
    "postgres.sessions_blocked": 5.0,
    "postgres.transaction_age": 900.0,
    "postgres.idle_transaction_age": 300.0,
    "upkeep.wraparound": 1e9,
    "upkeep.vacuum_held_back": 5e6,
    "upkeep.prepared_age": 900.0,
    "upkeep.sequence_used": 0.8,
    "upkeep.indexes_invalid": 0.0,
    "replication.lag": 60.0,
    "replication.slot_wal": 10.0 * 1024**3,
    "pgbouncer.client_wait": 1.0,
    "pgbouncer.clients_used": 0.85,
    "redis.memory_used": 0.9,
    "redis.clients_used": 0.85,
    "hikari.threads_pending": 0.0,
}
"""Above which a value is bad, by the signal in ``rules/signals`` that says so too; a test compares them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vital:
    """A fact about a target.

    Args:
        name: What it is about, in a word or two.
        value: As people write it.
        bad: What is the matter, in a sentence; empty when nothing is.
        remedy: What to do about it; empty when nothing is bad.
    """

    name: str
    value: str
    bad: str = ""
    remedy: str = ""


def vitals(kind: str, families: Sequence[Family], *, now: float) -> tuple[Vital, ...]:
    """The facts of a target of this kind.

    Args:
        kind: ``postgres``, ``pgbouncer``, ``redis`` or ``hikari``.
        families: What was read of it last.
        now: Seconds since the epoch.
    """
    told = _KINDS.get(kind)
    found = told(Numbers(families), now) if told is not None else ()
    return tuple(vital if vital.bad else replace(vital, remedy="") for vital in found)


def _postgres(numbers: Numbers, now: float) -> Iterator[Vital]:
    started = numbers.total("pg_postmaster_start_time_seconds")
    if started is not None:
        yield Vital(name="running for", value=duration(now - started))
    client = 'backend_type="client backend"'
    used = numbers.total("pg_stat_activity_count", client)
    allowed = (numbers.total("pg_settings_max_connections") or 0.0) - (
        numbers.total("pg_settings_superuser_reserved_connections") or 0.0
    )
    if used is not None and allowed > 0:
        yield _of(
            "connections",
            used,
            allowed,
            limit="postgres.connections_used",
            bad="Connections are nearly used up",
            remedy="See who holds them: SELECT application_name, state, count(*) FROM pg_stat_activity"
            " GROUP BY 1, 2 ORDER BY 3 DESC; make the pools smaller, or put PgBouncer before the server.",
        )
    blocked = numbers.total("pg_blocked_sessions")
    if blocked is not None:
        _, longest = numbers.most("pg_longest_blocked_seconds")
        waits = f"{blocked:.0f}, the longest for {duration(longest)}" if blocked else "0"
        yield Vital(
            name="blocked sessions",
            value=waits,
            bad=f"{blocked:.0f} sessions wait for a lock"
            if blocked > LIMITS["postgres.sessions_blocked"]
            else "",
            remedy="Follow pg_blocking_pids(pid) to the session that nobody blocks, and end what it forgot:"
            " SELECT pg_terminate_backend(pid);",
        )
    yield from _transactions(numbers, client)
    yield from _upkeep(numbers)
    yield from _replication(numbers)
    bytes_used = numbers.total("pg_database_size_bytes")
    if bytes_used is not None:
        yield Vital(name="size", value=size(bytes_used))


def _transactions(numbers: Numbers, client: str) -> Iterator[Vital]:
    if not numbers.of("pg_stat_activity_max_tx_duration"):
        return
    _, active = numbers.most("pg_stat_activity_max_tx_duration", client, 'state="active"')
    labels, idle = numbers.most("pg_stat_activity_max_tx_duration", client, 'state="idle in transaction')
    yield Vital(
        name="longest transaction",
        value=duration(max(active, idle)) if max(active, idle) > 0 else "none",
        bad=f"A transaction runs since {duration(active)}: VACUUM cannot clean up behind it"
        if active > LIMITS["postgres.transaction_age"]
        else "",
        remedy="SELECT pid, now() - xact_start, query FROM pg_stat_activity ORDER BY xact_start LIMIT 3;",
    )
    if idle > LIMITS["postgres.idle_transaction_age"]:
        who = labels.get("application_name") or labels.get("usename") or "a session"
        yield Vital(
            name="idle in transaction",
            value=duration(idle),
            bad=f"{who} left a transaction open and does nothing since {duration(idle)}",
            remedy="It keeps its locks and its connection. Commit there, or set"
            " idle_in_transaction_session_timeout.",
        )


def _upkeep(numbers: Numbers) -> Iterator[Vital]:
    """What is told only where it is bad."""
    for metric in ("datfrozenxid", "datminmxid"):
        labels, age = numbers.most(f"pg_database_wraparound_age_{metric}_seconds")
        if age > LIMITS["upkeep.wraparound"]:
            yield Vital(
                name="transaction ids",
                value=f"{age / 1e6:,.0f} million old",
                bad=f"Rows of {labels.get('datname')} wait to be frozen since {age / 1e6:,.0f} million"
                " transactions; before 2,000 million the server stops writing",
                remedy="End what holds VACUUM back, then VACUUM (FREEZE) the oldest tables.",
            )
    labels, age = numbers.most("pg_xmin_horizon_age_xids")
    if age > LIMITS["upkeep.vacuum_held_back"]:
        holder = labels.get("holder", "").replace("_", " ")
        yield Vital(
            name="vacuum",
            value=f"held back by {age / 1e6:,.1f} million transactions",
            bad=f"A {holder} holds VACUUM back by {age / 1e6:,.1f} million transactions",
            remedy="End the session, drop the slot, or decide the prepared transaction.",
        )
    labels, age = numbers.most("pg_prepared_xacts_oldest_seconds")
    if age > LIMITS["upkeep.prepared_age"]:
        yield Vital(
            name="prepared transactions",
            value=f"{duration(age)} old",
            bad=f"A prepared transaction in {labels.get('datname')} waits since {duration(age)}",
            remedy="SELECT gid, prepared FROM pg_prepared_xacts; then COMMIT PREPARED or ROLLBACK PREPARED.",
        )
    labels, share = numbers.most("pg_sequence_used_ratio")
    if share > LIMITS["upkeep.sequence_used"]:
        name = f"{labels.get('schemaname')}.{labels.get('sequencename')} in {labels.get('datname')}"
        yield Vital(
            name="sequences",
            value=f"{share:.0%} of {name}",
            bad=f"{name} has given out {share:.0%} of its values",
            remedy="Make its column a bigint before inserts fail.",
        )
    labels, count = numbers.most("pg_indexes_invalid")
    if count > LIMITS["upkeep.indexes_invalid"]:
        yield Vital(
            name="invalid indexes",
            value=f"{count:.0f} in {labels.get('datname')}",
            bad=f"{count:.0f} {_plural(count, 'index is', 'indexes are')} invalid in {labels.get('datname')}:"
            " of no use to queries, and every write pays",
            remedy="SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid; drop them, build anew.",
        )
    labels, pages = numbers.most("pg_stat_database_checksum_failures_total")
    if pages > 0:
        yield Vital(
            name="damaged pages",
            value=f"{pages:.0f} in {labels.get('datname') or 'shared catalogues'}",
            bad=f"{pages:.0f} {_plural(pages, 'page', 'pages')} had a wrong checksum",
            remedy="Keep a copy, look at the disk, and restore from a backup or a standby.",
        )


def _replication(numbers: Numbers) -> Iterator[Vital]:
    if numbers.total("pg_replication_is_replica"):
        lag = numbers.total("pg_replication_lag_seconds") or 0.0
        yield Vital(
            name="behind its primary",
            value=duration(lag) if lag else "no",
            bad=f"The standby is {duration(lag)} behind" if lag > LIMITS["replication.lag"] else "",
            remedy="See whether it receives (pg_stat_wal_receiver), and whether a query holds its replay up.",
        )
    labels, kept = numbers.most("pg_replication_slots_pg_wal_lsn_diff")
    if kept > LIMITS["replication.slot_wal"]:
        yield Vital(
            name="replication slots",
            value=f"{size(kept)} of WAL",
            bad=f"The slot {labels.get('slot_name')} keeps {size(kept)} of WAL on the disk",
            remedy="Bring its reader back or drop the slot; max_slot_wal_keep_size bounds it.",
        )


def _pgbouncer(numbers: Numbers, _now: float) -> Iterator[Vital]:
    used = numbers.total("pgbouncer_used_clients")
    allowed = numbers.total("pgbouncer_config_max_client_connections")
    if used is not None and allowed:
        yield _of(
            "clients",
            used,
            allowed,
            limit="pgbouncer.clients_used",
            bad="Clients are nearly as many as may be",
            remedy="The applications' pools together must stay below max_client_conn.",
        )
    waiting = numbers.total("pgbouncer_pools_client_waiting_connections")
    if waiting is not None:
        labels, longest = numbers.most("pgbouncer_pools_client_maxwait_seconds")
        yield Vital(
            name="waiting clients",
            value=f"{waiting:.0f}, the longest for {duration(longest)}" if waiting else "0",
            bad=f"Clients of {labels.get('database')} wait up to {duration(longest)} for a server connection"
            if longest > LIMITS["pgbouncer.client_wait"]
            else "",
            remedy="Statements that are slow or blocked keep connections; only then raise pool_size.",
        )
    labels, paused = numbers.most("pgbouncer_databases_paused")
    if paused:
        yield Vital(
            name="paused",
            value=labels.get("name", ""),
            bad=f"{labels.get('name')} is paused: all its clients wait",
            remedy=f"RESUME {labels.get('name')}; in PgBouncer's console.",
        )


_WRITTEN = (("redis_rdb_last_bgsave_status", "dump"), ("redis_aof_last_write_status", "append-only file"))


def _redis(numbers: Numbers, _now: float) -> Iterator[Vital]:
    used, allowed = numbers.total("redis_memory_used_bytes"), numbers.total("redis_memory_max_bytes")
    if used is not None:
        full = bool(allowed) and used / (allowed or 1.0) > LIMITS["redis.memory_used"]
        yield Vital(
            name="memory",
            value=size(used) + (f" of {size(allowed)}" if allowed else ", without a limit"),
            bad="Memory is nearly used up: keys are evicted, or writes refused" if full else "",
            remedy="See what grows (redis-cli --bigkeys), and raise maxmemory if the database suffers.",
        )
    hits = numbers.total("redis_keyspace_hits_total")
    misses = numbers.total("redis_keyspace_misses_total")
    if hits is not None and misses is not None and hits + misses > 0:
        yield Vital(name="hits", value=f"{hits / (hits + misses):.1%} of all lookups since its start")
    clients, most = numbers.total("redis_connected_clients"), numbers.total("redis_max_clients")
    if clients is not None and most:
        yield _of(
            "clients",
            clients,
            most,
            limit="redis.clients_used",
            bad="Clients are nearly as many as may be",
            remedy="See who they are with CLIENT LIST; a pool may leak.",
        )
    for metric, what in _WRITTEN:
        if any(value == 0 for _, value in numbers.of(metric)):
            yield Vital(
                name="persistence",
                value=f"the {what} fails",
                bad=f"The last {what} could not be written; Redis may refuse writes",
                remedy="Its log says why: mostly a full disk, or no memory for the fork.",
            )
    if any(value == 0 for _, value in numbers.of("redis_master_link_up")):
        yield Vital(
            name="replication",
            value="does not hear its master",
            bad="The link to the master is down: it serves what it had",
            remedy="See INFO replication on both, and the replica's log.",
        )


def _hikari(numbers: Numbers, _now: float) -> Iterator[Vital]:
    active, allowed = numbers.total("hikaricp_connections_active"), numbers.total("hikaricp_connections_max")
    if active is not None and allowed is not None:
        yield Vital(name="connections", value=f"{active:.0f} of {allowed:.0f} in use")
    pending = numbers.total("hikaricp_connections_pending")
    if pending is not None:
        yield Vital(
            name="waiting threads",
            value=f"{pending:.0f}",
            bad=f"{pending:.0f} {_plural(pending, 'thread waits', 'threads wait')} for a connection"
            if pending > LIMITS["hikari.threads_pending"]
            else "",
            remedy="See whether the database is slow or blocked before the pool is made larger.",
        )


_KINDS: dict[str, Callable[[Numbers, float], Iterator[Vital]]] = {
    "postgres": _postgres,
    "pgbouncer": _pgbouncer,
    "redis": _redis,
    "hikari": _hikari,
}


def _of(name: str, used: float, allowed: float, *, limit: str, bad: str, remedy: str) -> Vital:
    return Vital(
        name=name,
        value=f"{used:.0f} of {allowed:.0f}",
        bad=f"{bad}: {used:.0f} of {allowed:.0f}" if used / allowed > LIMITS[limit] else "",
        remedy=remedy,
    )


def _plural(count: float, one: str, more: str) -> str:
    return one if count == 1 else more
