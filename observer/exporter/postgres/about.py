"""What is said of the collections of a server: whether it answers, how long they take, which databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.exporter.declaration import Family, MetricDeclaration, label_body, one

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from observer.exporter.postgres.visits import State
    from observer.exporter.snapshot import Outcome

UP = MetricDeclaration("pg_up", "gauge", "Whether the server answered the last collection.", "postgres")
LAST_DURATION = MetricDeclaration(
    "pg_exporter_last_scrape_duration_seconds",
    "gauge",
    "Seconds that the last collection took.",
    "postgres",
)
LAST_ERROR = MetricDeclaration(
    "pg_exporter_last_scrape_error",
    "gauge",
    "Whether a collector failed in the last collection.",
    "postgres",
)
SCRAPES = MetricDeclaration(
    "pg_exporter_scrapes_total",
    "counter",
    "Collections of this server.",
    "postgres",
)
COLLECTOR_SUCCESS = MetricDeclaration(
    "pg_scrape_collector_success",
    "gauge",
    "Whether the collector succeeded when it ran last.",
    "postgres",
    ("collector",),
)
COLLECTOR_DURATION = MetricDeclaration(
    "pg_scrape_collector_duration_seconds",
    "gauge",
    "Seconds that the collector took when it ran last.",
    "postgres",
    ("collector",),
)
DATABASE_SUCCESS = MetricDeclaration(
    "pg_exporter_database_success",
    "gauge",
    "Whether the last visit of a database other than that of the DSN brought everything.",
    "postgres",
    ("datname",),
)
DATABASE_TIMESTAMP = MetricDeclaration(
    "pg_exporter_database_last_success_timestamp_seconds",
    "gauge",
    "When a visit of the database last brought everything, in seconds since the epoch.",
    "postgres",
    ("datname",),
)

DECLARED = (
    UP,
    LAST_DURATION,
    LAST_ERROR,
    SCRAPES,
    COLLECTOR_SUCCESS,
    COLLECTOR_DURATION,
    DATABASE_SUCCESS,
    DATABASE_TIMESTAMP,
)


def families(
    *,
    up: bool,
    seconds: float,
    collections: int,
    collectors: Iterable[str],
    latest: Mapping[str, Outcome],
    databases: Sequence[State],
) -> list[Family]:
    """The families that tell of a collection.

    Args:
        up: Whether the server answered.
        seconds: How long it took.
        collections: How many there were.
        collectors: Their names.
        latest: What each brought when it ran last.
        databases: The visited ones.
    """
    names = list(dict.fromkeys(collectors))
    ran = [name for name in names if name in latest]
    failed = not up or any(latest[name].fault is not None for name in ran)
    bodies = {database.name: label_body(("datname",), (database.name,)) for database in databases}
    return [
        one(UP, int(up)),
        one(LAST_DURATION, seconds),
        one(LAST_ERROR, int(failed)),
        one(SCRAPES, collections),
        Family(
            COLLECTOR_SUCCESS,
            [("", f'collector="{name}"', int(up and latest[name].fault is None)) for name in ran]
            or [("", f'collector="{name}"', 0) for name in names],
        ),
        Family(
            COLLECTOR_DURATION,
            [("", f'collector="{name}"', latest[name].seconds) for name in ran],
        ),
        Family(
            DATABASE_SUCCESS,
            [("", bodies[database.name], int(up and database.ok)) for database in databases],
        ),
        Family(
            DATABASE_TIMESTAMP,
            [
                ("", bodies[database.name], database.last_success)
                for database in databases
                if database.last_success is not None
            ],
        ),
    ]
