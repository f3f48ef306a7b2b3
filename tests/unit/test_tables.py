"""The console's tables as metrics, from rows as versions of PgBouncer show them."""

from __future__ import annotations

import pytest

from observer.exporter.pgbouncer.tables import Table, console

POOL: dict[str, str | None] = {
    "database": "app",
    "user": "web",
    "cl_active": "7",
    "cl_waiting": "2",
    "sv_active": "5",
    "sv_idle": "1",
    "maxwait": "3",
    "maxwait_us": "250000",
    "pool_mode": "transaction",
}


def table(command: str) -> Table:
    return next(table for table in console().tables if table.command == command)


def read(command: str, *rows: dict[str, str | None]) -> dict[str, float]:
    return {
        f"{family.metric.name}{{{body}}}": value
        for family in table(command).families(rows)
        for _, body, value in family.samples
    }


def test_pools() -> None:
    """Whole seconds and microseconds make one number; what a version does not show is no series."""
    labels = '{database="app",user="web"}'
    assert read("POOLS", POOL) == {
        f"pgbouncer_pools_client_active_connections{labels}": 7,
        f"pgbouncer_pools_client_waiting_connections{labels}": 2,
        f"pgbouncer_pools_server_active_connections{labels}": 5,
        f"pgbouncer_pools_server_idle_connections{labels}": 1,
        f"pgbouncer_pools_client_maxwait_seconds{labels}": 3.25,
    }


def test_microseconds_become_seconds() -> None:
    """Base units, as upstream has them."""
    values = read("STATS_TOTALS", {"database": "app", "query_count": "10", "query_time": "2500000"})
    assert values['pgbouncer_stats_totals_queries_duration_seconds_total{database="app"}'] == 2.5
    assert values['pgbouncer_stats_totals_queries_pooled_total{database="app"}'] == 10


def test_rows_with_the_same_labels_are_added_up() -> None:
    """A line that stands twice would cost the page."""
    values = read("POOLS", POOL, POOL)
    assert values['pgbouncer_pools_client_active_connections{database="app",user="web"}'] == 14


def test_nothing_is_no_number() -> None:
    """An empty cell is no sample; an unknown column is passed over."""
    assert read("POOLS", POOL | {"cl_active": None, "new": "5"}).keys() == {
        name for name in read("POOLS", POOL) if "client_active" not in name
    }


@pytest.mark.parametrize("metric", console().metrics(), ids=lambda metric: metric.name)
def test_every_metric_is_well_formed(metric: object) -> None:
    """Counters end in _total and nothing else does; names carry the program's."""
    name, kind = getattr(metric, "name", ""), getattr(metric, "type", "")
    assert name.startswith("pgbouncer_")
    assert (kind == "counter") == name.endswith("_total")
