"""Connections of the advisor: read-only, waiting for no lock, bounded in time; and what HypoPG they find."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import psycopg.conninfo

from observer.advisor.question import first_line
from observer.errors import Malformed, NotAvailable, NotPermitted, TargetUnreachable

if TYPE_CHECKING:
    from observer.deadlines import Deadline

APPLICATION = "observer-advisor"


def connect(dsn: str, deadline: Deadline, *, statement_timeout: float = 10.0) -> psycopg.Connection[Any]:
    """A connection that can only read, waits for no lock and says whose it is.

    Raises:
        TargetUnreachable: There is none.

        NotPermitted: The server refuses the role.
    """
    settings = {
        "default_transaction_read_only": "on",
        "statement_timeout": f"{int(statement_timeout * 1000)}",
        "lock_timeout": "1000",
        "idle_in_transaction_session_timeout": "60000",
        "jit": "off",
    }
    try:
        given = psycopg.conninfo.conninfo_to_dict(dsn).get("options") or ""
    except psycopg.ProgrammingError:
        # The message would quote the DSN, and the DSN holds a password.
        raise Malformed(
            "the DSN is not understood",
            remedy="write postgresql://user@host:5432/database or host=... dbname=...",
        ) from None
    options = f"{given} " + " ".join(f"-c {name}={value}" for name, value in settings.items())
    try:
        connection = psycopg.connect(
            dsn,
            autocommit=True,
            application_name=APPLICATION,
            options=options,
            connect_timeout=max(2, int(min(10.0, deadline.left()))),
            prepare_threshold=None,
        )
    except psycopg.OperationalError as error:
        text = first_line(error)
        if "authentication" in text or "permission denied" in text:
            raise NotPermitted(
                f"the server refused the role: {text}",
                remedy="check user and password (PGPASSWORD and ~/.pgpass count where the DSN has none)"
                " and that the role may log in to this database",
            ) from error
        if "startup parameter" in text:
            raise TargetUnreachable(
                f"a pooler refused the connection: {text}",
                remedy="give the DSN of PostgreSQL itself: hypothetical indexes live in one server session",
            ) from error
        raise TargetUnreachable(
            f"no connection: {text}",
            remedy="check host, port and database of the DSN, and that the server runs",
        ) from error
    except psycopg.Error as error:
        raise TargetUnreachable(f"no connection: {first_line(error)}") from error
    return connection


def installed_hypopg(connection: psycopg.Connection[Any]) -> tuple[str, str] | None:
    """Version and schema of HypoPG, or None."""
    row = connection.execute(
        "SELECT e.extversion, n.nspname FROM pg_catalog.pg_extension e"
        " JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'hypopg'"
    ).fetchone()
    return (row[0], row[1]) if row else None


def hypopg_missing() -> NotAvailable:
    """Why nothing can be priced, and what to do."""
    return NotAvailable(
        "the extension hypopg is not installed in this database: nothing can be priced, all is hypothesis",
        remedy="install the package (Debian: postgresql-15-hypopg), then run CREATE EXTENSION hypopg here",
    )
