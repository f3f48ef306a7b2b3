"""The console's tables as metrics, from rows as versions of PgBouncer show them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observer.exporter.pgbouncer.connections import TOP, families
from observer.exporter.pgbouncer.tables import Table, console, item_value

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
    for nothing in (None, "", "auto"):
        assert read("POOLS", POOL | {"cl_active": nothing, "new": "5"}).keys() == {
            name for name in read("POOLS", POOL) if "client_active" not in name
        }


@pytest.mark.parametrize("metric", console().metrics(), ids=lambda metric: metric.name)
def test_every_metric_is_well_formed(metric: object) -> None:
    """Counters end in _total and nothing else does; names carry the program's."""
    name, kind = getattr(metric, "name", ""), getattr(metric, "type", "")
    assert name.startswith("pgbouncer_")
    assert (kind == "counter") == name.endswith("_total")


COLUMNS = ("type", "user", "database", "state", "wait", "wait_us", "application_name", "new")


def connections(*rows: tuple[object, ...], command: str = "CLIENTS") -> dict[str, float]:
    return {
        f"{family.metric.name}{{{body}}}": value
        for family in families(command, COLUMNS, rows)
        for _, body, value in family.samples
    }


def a_client(application: str | None, state: str = "active", wait: int = 0) -> tuple[object, ...]:
    return ("C", "web", "app", state, wait, 500_000, application, "x")


def test_connections_are_counted_by_who_has_them() -> None:
    """By database, user, application and state; who waits longest, and 0 for who does not."""
    body = 'database="app",user="web",application_name="shop"'
    found = connections(a_client("shop"), a_client("shop"), a_client("shop", "waiting", 3), a_client(None))
    assert found == {
        f'pgbouncer_client_connections{{{body},state="active"}}': 2,
        f'pgbouncer_client_connections{{{body},state="waiting"}}': 1,
        f'pgbouncer_client_connections{{{body.replace("shop", "")},state="active"}}': 1,
        f"pgbouncer_client_longest_wait_seconds{{{body}}}": 3.5,
        f"pgbouncer_client_longest_wait_seconds{{{body.replace('shop', '')}}}": 0,
    }


@given(
    st.lists(
        st.tuples(
            st.just("C"),
            st.sampled_from(["a", "b"]),
            st.sampled_from(["x", "y"]),
            st.sampled_from(["active", "waiting"]),
            st.integers(0, 9),
            st.just(0),
            st.integers(0, 300).map(str),
            st.none(),
        )
    )
)
def test_applications_have_a_bounded_number_of_series(rows: list[tuple[object, ...]]) -> None:
    """Whatever names programs give themselves: the sum is that of all, and so is the longest wait."""
    found = connections(*rows)
    counted = {name: value for name, value in found.items() if name.startswith("pgbouncer_client_conn")}
    assert sum(counted.values()) == len(rows)
    assert len(counted) <= 2 * 2 * 2 * (TOP + 1)
    waits = [value for name, value in found.items() if "longest_wait" in name]
    longest = max((int(str(row[4])) for row in rows if row[3] == "waiting"), default=0)
    assert max(waits, default=0) == longest


def test_the_rest_of_the_applications_is_summed() -> None:
    """The busiest have series of their own; the others are one."""
    rows = [a_client(f"job-{n}") for n in range(TOP + 50)] + [a_client("shop")] * 2
    found = connections(*rows)
    body = 'database="app",user="web",application_name="{}",state="active"'
    assert found[f"pgbouncer_client_connections{{{body.format('shop')}}}"] == 2
    assert found[f"pgbouncer_client_connections{{{body.format('other')}}}"] == 51
    assert sum("longest_wait" in name for name in found) == TOP + 1


def test_a_version_without_applications() -> None:
    """Columns that an older version does not have are empty labels."""
    [family] = families("SERVERS", ("user", "database", "state"), [("web", "app", "idle")])
    assert [tuple(sample) for sample in family.samples] == [
        ("", 'database="app",user="web",application_name="",state="idle"', 1)
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [("7", 7), ("0.5", 0.5), ("yes", 1), ("no", 0), ("md5", None), ("", None), (None, None)],
)
def test_items_that_are_numbers(text: str | None, value: float | None) -> None:
    """Settings are text mostly; the state is told by words."""
    assert item_value(text) == value


def test_users_are_told_by_the_label_of_all_tables() -> None:
    """What SHOW USERS calls name is what all else calls user."""
    assert read("USERS", {"name": "web", "pool_size": "20", "current_connections": None}) == {
        'pgbouncer_users_pool_size{user="web"}': 20
    }
