"""Copies of tables in a scratch database: temporary, in one transaction that is never committed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
from psycopg import sql

from observer.advisor.connection import APPLICATION
from observer.advisor.question import first_line
from observer.errors import Malformed, TargetUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from observer.advisor.names import RelationName
    from observer.advisor.schema import Relation
    from observer.deadlines import Deadline

_WHOLE = 0.125
"""Part of the bytes that may be copied up to which a table is copied whole."""

_PAGE = 8192
_SMALLER = 0.25
"""Share of the larger sample that the smaller one holds."""

_COSTS = (
    "seq_page_cost",
    "random_page_cost",
    "cpu_tuple_cost",
    "cpu_index_tuple_cost",
    "cpu_operator_cost",
    "effective_cache_size",
    "work_mem",
    "default_statistics_target",
)
"""Settings of the watched server that its planner's costs rest on."""

_IDENTITY: LiteralString = (
    "SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system()),"
    " pg_catalog.pg_postmaster_start_time()"
)


@dataclass(frozen=True, slots=True)
class Sampled:
    """One sample of the tables.

    Args:
        names: Temporary tables by what they are copies of.

        shares: Of each table's rows that it holds, at most 1.

        missing: Types that are not there, so that their columns were copied as text.
    """

    names: Mapping[RelationName, str]
    shares: Mapping[RelationName, float]
    missing: frozenset[str] = frozenset()


def connect_scratch(dsn: str, deadline: Deadline) -> psycopg.Connection[Any]:
    """A connection that may write, to the database that the user named for it.

    Raises:
        TargetUnreachable: There is none.

        Malformed: The DSN is not understood.
    """
    seconds = max(1, int(deadline.left()))
    options = (
        f"-c statement_timeout={seconds}s -c lock_timeout=1s -c jit=off -c max_parallel_workers_per_gather=0"
    )
    try:
        return psycopg.connect(
            dsn,
            autocommit=True,
            application_name=APPLICATION,
            options=options,
            connect_timeout=max(2, min(10, seconds)),
            prepare_threshold=None,
        )
    except psycopg.ProgrammingError:
        raise Malformed(
            "the DSN of the scratch database is not understood",
            remedy="write postgresql://user@host:5432/database or host=... dbname=...",
        ) from None
    except psycopg.Error as error:
        raise TargetUnreachable(
            f"no connection to the scratch database: {first_line(error)}",
            remedy="check host, port and database of advise.sample_dsn",
        ) from error


def same_server(one: psycopg.Connection[Any], other: psycopg.Connection[Any]) -> bool:
    """Whether two connections lead to the same server."""
    return one.execute(_IDENTITY).fetchone() == other.execute(_IDENTITY).fetchone()


def take_settings(source: psycopg.Connection[Any], scratch: psycopg.Connection[Any]) -> None:
    """Let the scratch server's planner reckon as the watched one's does."""
    rows = source.execute(
        "SELECT name, pg_catalog.current_setting(name) FROM pg_catalog.pg_settings WHERE name = ANY(%s)",
        (list(_COSTS),),
    ).fetchall()
    for name, value in rows:
        scratch.execute("SELECT pg_catalog.set_config(%s, %s, false)", (name, value))


def copy_tables(
    source: psycopg.Connection[Any],
    scratch: psycopg.Connection[Any],
    relations: Iterable[Relation],
    *,
    most_bytes: int,
    deadline: Deadline,
) -> tuple[Sampled, Sampled]:
    """A smaller and a larger sample of the tables, analyzed; small tables whole.

    All large tables are sampled by the same share, so that what joins them grows as they do.

    Args:
        source: Read-only, on the watched server; pages are chosen by TABLESAMPLE SYSTEM.

        scratch: In a transaction that will be rolled back.

        relations: The tables.

        most_bytes: What the large ones may take together.

        deadline: Looked at for each piece that arrives.

    Raises:
        DeadlineExceeded: It came first.

        psycopg.Error: A server refused.
    """
    tables = sorted(relations, key=lambda relation: relation.name)
    whole = _WHOLE * most_bytes
    large = sum(table.pages * _PAGE for table in tables if table.pages * _PAGE > whole)
    missing = _missing_types(scratch, tables)
    share = min(1.0, most_bytes / large) if large else 1.0
    names: dict[RelationName, str] = {}
    shares: dict[RelationName, float] = {}
    for number, table in enumerate(tables):
        name = f"large_{number}"
        wanted = share if table.pages * _PAGE > whole else 1.0
        _create(scratch, table, name, missing)
        rows = _fill(source, scratch, table, name, share=wanted, most_bytes=most_bytes, deadline=deadline)
        names[table.name] = name
        shares[table.name] = min(1.0, rows / table.rows) if wanted < 1 and table.rows else 1.0
    larger = Sampled(names, shares, missing)
    small_names: dict[RelationName, str] = {}
    small_shares: dict[RelationName, float] = {}
    for table in tables:
        if table.pages * _PAGE <= whole:
            small_names[table.name], small_shares[table.name] = names[table.name], 1.0
            continue
        name = names[table.name].replace("large", "small")
        rows = scratch.execute(
            sql.SQL(
                "CREATE TEMPORARY TABLE {} AS"
                " SELECT * FROM pg_temp.{} TABLESAMPLE BERNOULLI (%s) REPEATABLE (1)"
            ).format(sql.Identifier(name), sql.Identifier(names[table.name])),
            (100 * _SMALLER,),
        ).rowcount
        small_names[table.name] = name
        small_shares[table.name] = min(1.0, rows / table.rows) if table.rows else 1.0
    for name in dict.fromkeys([*names.values(), *small_names.values()]):
        deadline.check()
        scratch.execute(sql.SQL("ANALYZE pg_temp.{}").format(sql.Identifier(name)))
    return Sampled(small_names, small_shares, missing), larger


def _missing_types(scratch: psycopg.Connection[Any], tables: Iterable[Relation]) -> frozenset[str]:
    """Types of the tables' columns that the scratch database does not know, by their bare names."""
    wanted = {_bare(column.type_name) for table in tables for column in table.columns.values()}
    rows = scratch.execute(
        "SELECT t FROM pg_catalog.unnest(%s::text[]) t WHERE pg_catalog.to_regtype(t) IS NULL",
        (sorted(wanted),),
    ).fetchall()
    return frozenset(_last(row[0]) for row in rows)


def _create(scratch: psycopg.Connection[Any], table: Relation, name: str, missing: frozenset[str]) -> None:
    """An empty copy; columns of types that are missing (enumerations, extensions' types) are texts."""
    columns = []
    for column in table.columns.values():
        # As format_type writes it; it cannot be bound.
        type_name: Any = "text" if _last(_bare(column.type_name)) in missing else column.type_name
        null = " NOT NULL" if column.not_null else ""
        columns.append(sql.SQL("{} {}" + null).format(sql.Identifier(column.name), sql.SQL(type_name)))
    scratch.execute(
        sql.SQL("CREATE TEMPORARY TABLE {} ({})").format(sql.Identifier(name), sql.SQL(", ").join(columns))
    )


def _last(type_name: str) -> str:
    return type_name.rsplit(".", 1)[-1].strip('"')


def _fill(
    source: psycopg.Connection[Any],
    scratch: psycopg.Connection[Any],
    table: Relation,
    name: str,
    *,
    share: float,
    most_bytes: int,
    deadline: Deadline,
) -> int:
    """Copy a part of the rows; how many they are."""
    part = sql.SQL(" TABLESAMPLE SYSTEM ({}) REPEATABLE (1)").format(sql.Literal(100 * share))
    sample = part if share < 1 else sql.SQL("")
    query = sql.SQL("COPY (SELECT {} FROM {}{} LIMIT {}) TO STDOUT").format(
        sql.SQL(", ").join(sql.Identifier(column) for column in table.columns),
        sql.Identifier(table.name.schema, table.name.name),
        sample,
        sql.Literal(max(1000, int(2 * share * table.rows))),
    )
    arrived = 0
    with source.cursor() as reading, scratch.cursor() as writing:
        into_statement = sql.SQL("COPY pg_temp.{} FROM STDIN").format(sql.Identifier(name))
        with reading.copy(query) as out, writing.copy(into_statement) as into:
            for piece in out:
                arrived += len(piece)
                if arrived > 4 * most_bytes:
                    break  # statistics were far off; what has arrived is a sample as well
                deadline.check()
                into.write(piece)
        return writing.rowcount


def _bare(type_name: str) -> str:
    return type_name.split("(", 1)[0] + ("[]" if type_name.endswith("[]") and "(" in type_name else "")
