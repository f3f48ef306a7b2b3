"""What an error of the PostgreSQL driver means: a code, a sentence, and where there is one a remedy."""

from __future__ import annotations

import psycopg

from observer.errors import DeadlineExceeded, NotAvailable, NotPermitted, ObserverError, TargetUnreachable


def fault_of(error: psycopg.Error, aborted: bool = False) -> ObserverError:
    """What a driver's error means, in Observer's words. The server's own words follow, first line only."""
    state = error.sqlstate or ""
    words = (str(error).strip().splitlines() or ["no reason was given"])[0]
    fault: ObserverError
    if aborted:
        fault = DeadlineExceeded("the server did not answer in time; the connection was cut off")
    elif state == "55P03":
        fault = DeadlineExceeded(
            f"a lock was not to be had in time: {words}",
            remedy="Another session holds it; nothing of ours waits behind it.",
        )
    elif state == "57014":
        fault = DeadlineExceeded(f"the query ran into its time-out: {words}")
    elif state == "42501":
        fault = NotPermitted(words, remedy="Grant the role pg_monitor: GRANT pg_monitor TO observer;")
    elif state == "55000" and "shared_preload_libraries" in words:
        fault = NotAvailable(
            words,
            remedy="Add pg_stat_statements to shared_preload_libraries, and restart the server.",
        )
    elif state == "22021":
        fault = NotAvailable(
            f"a text is not in the database's encoding: {words}",
            remedy="Databases without an encoding hold such texts. To forget their statements: "
            "SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database "
            "WHERE pg_encoding_to_char(encoding) = 'SQL_ASCII';",
        )
    elif state in ("42P01", "42883", "42703", "55000"):
        fault = NotAvailable(words)
    elif state[:2] in ("08", "57", "53") or isinstance(error, psycopg.OperationalError):
        fault = TargetUnreachable(f"the connection was lost: {words}")
    else:
        fault = ObserverError(words)
    return fault


def connect_fault(error: psycopg.Error, shown: str) -> ObserverError:
    """Why a connection could not be made. libpq's words hold no password; its DSN is never quoted."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # What the server itself says comes last; before it stand the addresses that were tried.
    said = [line for line in lines if "FATAL:" in line]
    words = (said[-1] if said else lines[0] if lines else "no reason was given").removeprefix(
        "connection failed: "
    )
    if "password authentication failed" in words or "no password supplied" in words:
        return NotPermitted(f"{shown}: {words}", remedy="Check the password, or the password_file.")
    remedy = ""
    if "too many" in words or "remaining connection slots" in words:
        remedy = "The server has no connection left. Observer does not insist and tries again later."
    elif not said:
        remedy = "Check that the server runs, and that its host and port are right."
    return TargetUnreachable(f"{shown}: {words}", remedy=remedy)
