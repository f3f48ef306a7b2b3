"""The counters of pg_stat_statements: what each is called, in which group it is, and its column by version.

Columns follow the version of the extension and not that of the server, which may be upgraded without it. From
the extension's own scripts, pg_stat_statements--1.7--1.8.sql to --1.11--1.12.sql.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

from observer.exporter.declaration import MetricDeclaration

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import LiteralString

NAME = "stat_statements"

LABELS = ("user", "datname", "queryid")

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A counter of pg_stat_statements.

    Args:
        metric: What it is on the page.
        scale: From the column's unit to the metric's.
        group: Of counters that are chosen together; empty for those that are always there.
        expressions: Of columns, each with the version of the extension that it holds from, oldest first.
    """

    metric: MetricDeclaration
    scale: float
    group: str
    expressions: tuple[tuple[Version, LiteralString], ...]

    def expression(self, version: Version) -> LiteralString | None:
        """Its expression in a version of the extension; ``None`` when that does not count it."""
        fitting = [expression for since, expression in self.expressions if since <= version]
        return fitting[-1] if fitting else None


def _counter(
    name: str,
    text: str,
    *expressions: tuple[Version, LiteralString],
    group: str = "",
    scale: float = 1,
) -> Column:
    metric = MetricDeclaration(f"pg_stat_statements_{name}", "counter", text, "postgres", LABELS, NAME)
    return Column(metric, scale, group, expressions)


def _blocks(name: LiteralString, text: str) -> Column:
    return _counter(f"{name}_total", text, ((1, 8), name), group="blocks")


_MILLISECONDS = 0.001
_TIMED = "needs track_io_timing."

BASE = (
    _counter("calls_total", "Times that the statement was executed.", ((1, 8), "calls")),
    _counter(
        "seconds_total",
        "Seconds spent executing the statement.",
        ((1, 8), "total_exec_time"),
        scale=_MILLISECONDS,
    ),
    _counter("rows_total", "Rows that the statement returned or changed.", ((1, 8), "rows")),
    _counter(
        "block_read_seconds_total",
        f"Seconds spent reading blocks; {_TIMED}",
        ((1, 8), "blk_read_time"),
        ((1, 11), "shared_blk_read_time"),
        scale=_MILLISECONDS,
    ),
    _counter(
        "block_write_seconds_total",
        f"Seconds spent writing blocks; {_TIMED}",
        ((1, 8), "blk_write_time"),
        ((1, 11), "shared_blk_write_time"),
        scale=_MILLISECONDS,
    ),
)
"""The counters that are read at every collection; the first grows whenever another does."""

DETAILS = (
    _blocks("shared_blks_hit", "Shared blocks that the statement found in the buffer cache."),
    _blocks("shared_blks_read", "Shared blocks that the statement read."),
    _blocks("shared_blks_dirtied", "Shared blocks that the statement dirtied."),
    _blocks("shared_blks_written", "Shared blocks that the statement wrote."),
    _blocks("local_blks_hit", "Blocks of temporary tables that the statement found in its own buffers."),
    _blocks("local_blks_read", "Blocks of temporary tables that the statement read."),
    _blocks("local_blks_dirtied", "Blocks of temporary tables that the statement dirtied."),
    _blocks("local_blks_written", "Blocks of temporary tables that the statement wrote."),
    _blocks("temp_blks_read", "Blocks of temporary files that the statement read."),
    _blocks("temp_blks_written", "Blocks of temporary files that the statement wrote."),
    _counter(
        "temp_blk_read_seconds_total",
        f"Seconds spent reading temporary files; {_TIMED}",
        ((1, 10), "temp_blk_read_time"),
        group="blocks",
        scale=_MILLISECONDS,
    ),
    _counter(
        "temp_blk_write_seconds_total",
        f"Seconds spent writing temporary files; {_TIMED}",
        ((1, 10), "temp_blk_write_time"),
        group="blocks",
        scale=_MILLISECONDS,
    ),
    _counter(
        "local_blk_read_seconds_total",
        f"Seconds spent reading blocks of temporary tables; {_TIMED}",
        ((1, 11), "local_blk_read_time"),
        group="blocks",
        scale=_MILLISECONDS,
    ),
    _counter(
        "local_blk_write_seconds_total",
        f"Seconds spent writing blocks of temporary tables; {_TIMED}",
        ((1, 11), "local_blk_write_time"),
        group="blocks",
        scale=_MILLISECONDS,
    ),
    _counter("wal_records_total", "WAL records of the statement.", ((1, 8), "wal_records"), group="wal"),
    _counter(
        "wal_fpi_total",
        "Full page images that the statement put into WAL.",
        ((1, 8), "wal_fpi"),
        group="wal",
    ),
    _counter(
        "wal_bytes_total",
        "Bytes of WAL of the statement.",
        ((1, 8), "wal_bytes::pg_catalog.float8"),
        group="wal",
    ),
    _counter(
        "wal_buffers_full_total",
        "Times that the statement had to write WAL because its buffers were full.",
        ((1, 12), "wal_buffers_full"),
        group="wal",
    ),
    _counter(
        "plans_total",
        "Times that the statement was planned; needs pg_stat_statements.track_planning.",
        ((1, 8), "plans"),
        group="planning",
    ),
    _counter(
        "plan_seconds_total",
        "Seconds spent planning the statement; needs pg_stat_statements.track_planning.",
        ((1, 8), "total_plan_time"),
        group="planning",
        scale=_MILLISECONDS,
    ),
    _counter(
        "jit_functions_total",
        "Functions that were compiled for the statement.",
        ((1, 10), "jit_functions"),
        group="jit",
    ),
    _counter(
        "jit_seconds_total",
        "Seconds spent compiling for the statement: generation, inlining, optimisation and emission.",
        ((1, 10), "jit_generation_time + jit_inlining_time + jit_optimization_time + jit_emission_time"),
        group="jit",
        scale=_MILLISECONDS,
    ),
    _counter(
        "parallel_workers_to_launch_total",
        "Parallel workers that the statement planned to start.",
        ((1, 12), "parallel_workers_to_launch"),
        group="parallel",
    ),
    _counter(
        "parallel_workers_launched_total",
        "Parallel workers that the statement started.",
        ((1, 12), "parallel_workers_launched"),
        group="parallel",
    ),
)
"""The counters that are read more rarely: they double what a reading costs Observer."""

DEALLOC = MetricDeclaration(
    "pg_stat_statements_info_dealloc_total",
    "counter",
    "Times that the server threw out the least executed statements because it had seen too many.",
    "postgres",
    (),
    NAME,
)
STATS_RESET = MetricDeclaration(
    "pg_stat_statements_info_stats_reset_timestamp_seconds",
    "gauge",
    "When all statements were last reset, in seconds since the epoch.",
    "postgres",
    (),
    NAME,
)
ENTRIES = MetricDeclaration(
    "pg_stat_statements_entries",
    "gauge",
    "Entries that the server keeps, without those of Observer's own role.",
    "postgres",
    (),
    NAME,
)

DECLARED = (*(column.metric for column in (*BASE, *DETAILS)), DEALLOC, STATS_RESET, ENTRIES)


def details(groups: Collection[str]) -> tuple[Column, ...]:
    """The detailed counters of some groups."""
    return tuple(column for column in DETAILS if column.group in groups)


def entries_query(schema: str, version: Version, columns: Sequence[Column]) -> sql.Composed:
    """Asks for all entries but those of a role: database, user, queryid, whether top-level, birth, counters.

    A counter that this version does not have is 0: rows keep their shape when the extension is updated.
    """
    return sql.SQL(
        "SELECT dbid::pg_catalog.int8, userid::pg_catalog.int8, queryid, {toplevel}, {born}, {columns}"
        " FROM {schema}.pg_stat_statements(false) WHERE queryid IS NOT NULL AND userid <> %s",
    ).format(
        toplevel=sql.SQL("toplevel" if version >= (1, 9) else "true"),
        born=sql.SQL("extract(epoch FROM stats_since)::pg_catalog.float8" if version >= (1, 11) else "NULL"),
        columns=sql.SQL(", ").join([sql.SQL(column.expression(version) or "0") for column in columns]),
        schema=sql.Identifier(schema),
    )
