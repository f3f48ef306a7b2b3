"""Reads what pg_stat_statements says of each database: numbers of all statements, texts of a few."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from observer.advisor.counts import Counts, Mark
from observer.errors import NotAvailable, NotPermitted
from observer.exporter.postgres.databases import DISCOVERY, chosen
from observer.exporter.postgres.statements import extension

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observer.advisor.counts import Key
    from observer.deadlines import Deadline
    from observer.exporter.postgres.databases import Choice, Database
    from observer.targets.postgres import PostgresSession, ServerFacts

LEAST_VERSION = (1, 8)

_STANDING = b"""
SELECT n.nspname, t.relname, i.relname, pg_catalog.pg_get_indexdef(x.indexrelid)
  FROM pg_catalog.pg_index x
  JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
  JOIN pg_catalog.pg_class t ON t.oid = x.indrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
 WHERE x.indisvalid AND x.indisready AND t.relname = ANY(%s)
"""


def read_marks(
    session: PostgresSession, choice: Choice, *, at: float, deadline: Deadline
) -> list[tuple[Database, Mark]]:
    """The databases that are chosen, each with the counters of its statements, over one connection.

    Behind a pooler that is the session's database alone: nobody bounds the connections that the others
    would take.

    Raises:
        NotAvailable: The extension is not there, or too old.

        NotPermitted: Statements of other users are hidden from our role.

        ObserverError: The server failed.
    """
    # An extension may be made while a session stands.
    facts = session.refresh_facts(deadline)
    schema, version = extension(facts)
    if version < LEAST_VERSION:
        raise NotAvailable(
            f"pg_stat_statements is version {'.'.join(map(str, version))}; 1.8 or later is needed",
            remedy=f"Run in {facts.database}: ALTER EXTENSION pg_stat_statements UPDATE;",
        )
    databases = [
        database
        for database in chosen(session.rows(DISCOVERY, deadline=deadline), choice)
        if database.here or not facts.pooled
    ]
    epoch = ""
    if version >= (1, 9):
        reset = sql.SQL(
            "SELECT extract(epoch FROM stats_reset)::pg_catalog.float8 FROM {}.pg_stat_statements_info"
        )
        epoch = str(_read(session, reset.format(sql.Identifier(schema)), (), facts, deadline))
    query = sql.SQL(
        "SELECT d.datname, s.userid::pg_catalog.int8, s.queryid, {toplevel}, s.calls, s.total_exec_time,"
        " s.rows"
        " FROM {schema}.pg_stat_statements(false) s"
        " JOIN pg_catalog.pg_database d ON d.oid = s.dbid"
        " WHERE d.datname = ANY(%s) AND s.userid <> %s"
    ).format(toplevel=sql.SQL("s.toplevel" if version >= (1, 9) else "true"), schema=sql.Identifier(schema))
    # A superuser's role is shared with people and programs; only a role of our own is left out.
    own = -1 if facts.superuser else facts.role
    names = [database.name for database in databases]
    rows = _read(session, query, (names, own), facts, deadline)
    if any(row[2] is None for row in rows):
        raise NotPermitted(
            f"statements of other users are hidden from the role of {session.address.shown}",
            remedy=f"Run as a superuser: GRANT pg_monitor TO {_role(session)};",
        )
    # One of which nothing was executed has a mark too: what follows is a difference to it.
    entries: dict[str, dict[Key, Counts]] = {name: {} for name in names}
    for name, user, queryid, toplevel, calls, total_ms, many in rows:
        entries[name][user, queryid, toplevel] = Counts(calls, total_ms, many)
    return [(database, Mark(at=at, epoch=epoch, entries=entries[database.name])) for database in databases]


def read_texts(
    session: PostgresSession, database: str, queryids: Sequence[int], *, deadline: Deadline
) -> dict[int, str]:
    """Texts of statements of a database by queryid, as the server keeps them.

    Args:
        session: With any database that has the extension.

        database: Whose statements.

        queryids: Of which.

        deadline: By when.

    They can hold passwords, and are for the advisor alone: never to be kept or shown.

    Raises:
        ObserverError: The server failed.
    """
    facts = session.facts(deadline)
    schema, _ = extension(facts)
    query = sql.SQL(
        "SELECT s.queryid, s.query FROM {}.pg_stat_statements(true) s"
        " JOIN pg_catalog.pg_database d ON d.oid = s.dbid"
        " WHERE d.datname = %s AND s.queryid = ANY(%s)"
    ).format(sql.Identifier(schema))
    rows = _read(session, query, (database, list(queryids)), facts, deadline)
    return {queryid: text for queryid, text in rows if text}


def read_standing(
    session: PostgresSession, relations: Sequence[str], *, deadline: Deadline
) -> list[tuple[str, str, str, str]]:
    """Usable indexes on relations of these names: schema, relation, name, definition.

    Raises:
        ObserverError: The server failed.
    """
    return [
        (schema, relation, name, definition)
        for schema, relation, name, definition in session.rows(
            _STANDING, (list(relations),), deadline=deadline
        )
    ]


def _read(
    session: PostgresSession,
    query: sql.Composed,
    parameters: Sequence[object],
    facts: ServerFacts,
    deadline: Deadline,
) -> list[tuple[Any, ...]]:
    try:
        return session.rows(query, parameters, deadline=deadline)
    except NotAvailable as fault:
        raise NotAvailable(
            f"pg_stat_statements cannot be read in {facts.database}: {fault.sentence}",
            remedy="Add pg_stat_statements to shared_preload_libraries and restart the server.",
        ) from None


def _role(session: PostgresSession) -> str:
    name = session.address.parameters.get("user", "observer")
    return sql.Identifier(name).as_string(None)
