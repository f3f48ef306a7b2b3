"""Which databases of a server are read: what there is, less what cannot or should not be."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PROVIDERS = frozenset({"rdsadmin", "cloudsqladmin", "azure_maintenance"})
"""Databases that hosts of servers keep for themselves: left out unless they are named as they are."""

DISCOVERY = b"""
WITH held AS MATERIALIZED (
    SELECT l.database
      FROM pg_catalog.pg_locks l
     WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
       AND l.relation < 16384::pg_catalog.oid
)
SELECT d.datname,
       d.datname = pg_catalog.current_database(),
       d.oid IN (SELECT h.database FROM held h) OR 0::pg_catalog.oid IN (SELECT h.database FROM held h)
  FROM pg_catalog.pg_database d
 WHERE d.datallowconn AND NOT d.datistemplate AND d.datconnlimit <> -2
   AND pg_catalog.has_database_privilege(d.oid, 'CONNECT')
"""
"""Every database that we may connect to; whether we are in it; and whether its catalogue is locked.

A backend reads the catalogue before it knows of any time-out, so that a connection to a database whose
catalogue somebody holds exclusively would hang, and leave a backend behind that waits for the lock.
"""


@dataclass(frozen=True, slots=True)
class Database:
    """A database as it was discovered."""

    name: str
    here: bool
    """Whether it is the one that the persistent connection is in."""
    locked: bool
    """Whether a table of its catalogue is locked exclusively, or about to be."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which databases a user wants, by patterns as in a shell: ``shop_*``.

    Args:
        include: What is read.
        exclude: What is not, although it is included.
    """

    include: Sequence[str] = ("*",)
    exclude: Sequence[str] = ()

    def takes(self, name: str) -> bool:
        """Whether a database of this name is read."""
        if name in PROVIDERS and name not in self.include:
            return False
        return _matches(name, self.include) and not _matches(name, self.exclude)


def chosen(rows: Iterable[tuple[str, bool, bool]], choice: Choice) -> list[Database]:
    """The databases to read, of the rows of `DISCOVERY`, by name."""
    return [Database(*row) for row in sorted(rows) if choice.takes(row[0])]


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
