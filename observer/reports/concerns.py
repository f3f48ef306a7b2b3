"""Which incidents a kind of evidence says something about, by the names of their alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from observer.incidents.model import Incident

SERVICES = ("Hikari", "Pgbouncer", "Http", "Slo")
"""Beginnings of names: what stands before the database and suffers with it."""

LOCKS = (
    *SERVICES,
    "PostgresSessionsBlocked",
    "PostgresDeadlocks",
    "PostgresLongTransaction",
    "PostgresIdleInTransaction",
    "PostgresConnections",
    "PostgresStatement",
)
"""What sessions that wait for a lock can explain. A cache that misses is none of it, nor a full disk."""

LOAD = (*LOCKS, "PostgresCache", "PostgresTemporary", "PostgresReplication")
"""What statements that take more time than before can explain."""


def concerns(incident: Incident, names: tuple[str, ...]) -> bool:
    """Whether an alert of the incident has a name that begins with one of these."""
    told = (member.alert.labels.get("alertname", "") for member in incident.members.values())
    return any(name.startswith(names) for name in told)
