"""Server settings as gauges: units become seconds and bytes, as upstream names them."""

from __future__ import annotations

import pytest

from observer.exporter.postgres.settings import families


@pytest.mark.parametrize(
    ("row", "name", "value"),
    [
        (("shared_buffers", "16384", "8kB", "Buffers.", "integer"), "shared_buffers_bytes", 16384 * 8192),
        (("max_wal_size", "1024", "MB", "", "integer"), "max_wal_size_bytes", 1024 * 1024**2),
        (("wal_segment_size", "16777216", "B", "", "integer"), "wal_segment_size_bytes", 16777216),
        (("statement_timeout", "3000", "ms", "", "integer"), "statement_timeout_seconds", 3.0),
        (("checkpoint_timeout", "300", "s", "", "integer"), "checkpoint_timeout_seconds", 300),
        (("log_rotation_age", "1440", "min", "", "integer"), "log_rotation_age_seconds", 86400),
        (("vacuum_cost_delay", "2", "ms", "", "real"), "vacuum_cost_delay_seconds", 0.002),
        (("autovacuum_work_mem", "-1", "kB", "", "integer"), "autovacuum_work_mem_bytes", -1),
        (("fsync", "on", "", "", "bool"), "fsync", 1),
        (("ssl", "off", "", "", "bool"), "ssl", 0),
        (("random_page_cost", "1.1", "", "", "real"), "random_page_cost", 1.1),
        (("pg_stat_statements.max", "5000", "", "", "integer"), "pg_stat_statements_max", 5000),
    ],
)  # fmt: skip
def test_a_setting_is_a_gauge(row: tuple[str, ...], name: str, value: float) -> None:
    """Named as the server names it, in base units; -1 stays what it means."""
    [family] = families([row])
    assert family.metric.name == f"pg_settings_{name}"
    assert family.metric.type == "gauge"
    assert family.samples[0][2] == pytest.approx(value)


def test_what_cannot_be_understood_is_left_out() -> None:
    """A unit of a later server, or a value that is no number, costs nothing else."""
    rows = [
        ("new_unit", "5", "furlongs", "", "integer"),
        ("odd", "many", "", "", "integer"),
        ("port", "5432", "", "Port.", "integer"),
    ]
    [family] = families(rows)
    assert (family.metric.name, family.metric.help) == ("pg_settings_port", "Server setting port: Port.")
