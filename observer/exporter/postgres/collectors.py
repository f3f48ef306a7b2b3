"""The collectors of PostgreSQL that are ``.sql`` files, and which of them a user wants."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from observer.exporter.postgres import settings, statement_texts, statements, visits
from observer.exporter.postgres.sqlfile import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from observer.exporter.postgres.sqlcollector import SqlCollector


@cache
def sql_collectors() -> tuple[SqlCollector, ...]:
    """The collectors that are ``.sql`` files, by name of file."""
    folder = files("observer.exporter.postgres") / "sql"
    return tuple(
        parse(file.read_text(encoding="utf-8"), name=file.name.removesuffix(".sql"))
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".sql")
    )


def collector_names() -> frozenset[str]:
    """Every collector that can be switched on and off by its name."""
    own = {settings.NAME, statements.NAME, statement_texts.NAME, visits.NAME}
    return frozenset(own | {collector.name for collector in sql_collectors()})


def wanted(collector: SqlCollector, switches: Mapping[str, bool]) -> bool:
    """Whether a collector runs: as the user says, else as its file does."""
    return switches.get(collector.name, collector.enabled)
