"""From the rows of an entry's query to families: each column by its usage."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from observer.errors import Malformed
from observer.exporter.declaration import Family, MetricDeclaration, label_body

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observer.exporter.postgres.custom.entry import Column, Entry

_DURATION = re.compile(r"([+-]?)((?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+|0)")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_MILLISECONDS = {"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4, "h": 3.6e6}

_Samples = dict[str, list[tuple[str, str, float]]]


def families(
    entry: Entry, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, version: int
) -> list[Family]:
    """The families of a result.

    Rows with the same labels are one sample, so that no query can spoil the page: counters are added, of
    everything else the greatest is taken. NULL is no sample; postgres_exporter's NaN would spoil every sum.

    Args:
        entry: What the columns are.
        columns: The result's, in order.
        rows: Its rows.
        version: The server's ``server_version_num``.

    Raises:
        Malformed: A column of labels is missing, or a value is not what its usage says.
    """
    places = {name: index for index, name in enumerate(columns)}
    missing = [name for name in entry.labels if name not in places]
    if missing:
        raise Malformed(
            f"the query of {entry.name} gives no column {', '.join(missing)}, which is to be a label",
            remedy="Name the column in the query, with AS, as in metrics.",
        )
    labels = [places[name] for name in entry.labels]
    bodies = [label_body(entry.labels, [_label(row[place]) for place in labels]) for row in rows]
    found: list[Family] = []
    parts = _parts_of_histograms(entry, places)
    for name, place in places.items():
        column = entry.columns.get(name)
        if name in parts or (column is not None and column.usage in ("LABEL", "DISCARD")):
            continue
        if column is not None and not column.versions.holds(version):
            continue
        if column is not None and column.usage == "HISTOGRAM":
            found.append(_histogram(entry, name, places, rows, bodies))
            continue
        family = _plain(entry, column, name, [row[place] for row in rows], bodies)
        if family is not None:
            found.append(family)
    return [family for family in found if family.metric.name not in entry.left_out]


def _plain(
    entry: Entry, column: Column | None, name: str, cells: Sequence[Any], bodies: Sequence[str]
) -> Family | None:
    """One column's family; ``None`` for a column that nobody declared and that holds no numbers."""
    metric = entry.metric(name)
    values: dict[str, float] = {}
    for body, cell in zip(bodies, cells, strict=True):
        if cell is None:
            continue
        number = _number(cell, column)
        if number is None:
            if column is None:
                return None
            raise Malformed(
                f"the column {name} of {entry.name} holds a {type(cell).__name__} that is no {column.usage}",
                remedy="Declare it as LABEL or DISCARD, or cast it to a number in the query.",
            )
        held = values.get(body)
        if held is not None:
            number = held + number if metric.type == "counter" else max(held, number)
        values[body] = number
    return Family(metric, [("", body, number) for body, number in values.items()])


def _histogram(
    entry: Entry,
    name: str,
    places: dict[str, int],
    rows: Sequence[Sequence[Any]],
    bodies: Sequence[str],
) -> Family:
    """A histogram of four columns: bounds, and with the endings of Prometheus counts, sum and count."""
    metric: MetricDeclaration = entry.metric(name)
    missing = [f"{name}{part}" for part in ("_bucket", "_sum", "_count") if f"{name}{part}" not in places]
    if missing:
        raise Malformed(
            f"the query of {entry.name} gives no column {', '.join(missing)}",
            remedy=f"A HISTOGRAM {name} needs {name}, {name}_bucket, {name}_sum and {name}_count.",
        )
    samples: _Samples = {}
    for row, body in zip(rows, bodies, strict=True):
        bounds, counts = row[places[name]], row[places[f"{name}_bucket"]]
        total, count = row[places[f"{name}_sum"]], row[places[f"{name}_count"]]
        if bounds is None or counts is None or body in samples:
            continue
        if not isinstance(bounds, list) or not isinstance(counts, list):
            raise Malformed(f"the columns {name} and {name}_bucket of {entry.name} must be arrays")
        begin = f"{body}," if body else ""
        samples[body] = [
            *(
                ("_bucket", f'{begin}le="{float(bound)}"', int(n))
                for bound, n in sorted(zip(bounds, counts, strict=False))
            ),
            ("_bucket", f'{begin}le="+Inf"', int(count)),
            ("_sum", body, float(total or 0)),
            ("_count", body, int(count)),
        ]
    return Family(metric, [sample for group in samples.values() for sample in group])


def _parts_of_histograms(entry: Entry, places: dict[str, int]) -> set[str]:
    return {
        f"{column.name}{part}"
        for column in entry.columns.values()
        if column.usage == "HISTOGRAM"
        for part in ("_bucket", "_sum", "_count")
        if f"{column.name}{part}" in places
    }


def _number(cell: Any, column: Column | None) -> float | None:  # noqa: ANN401, PLR0911 - whatever a driver gives
    if column is not None and column.usage == "MAPPEDMETRIC":
        return column.mapping.get(str(cell))
    if column is not None and column.usage == "DURATION":
        return _milliseconds(cell)
    if isinstance(cell, (bool, int)):
        return int(cell)
    if isinstance(cell, (float, Decimal)):
        return float(cell)
    if isinstance(cell, dt.datetime):
        return _epoch(cell)
    if isinstance(cell, dt.timedelta):
        return cell.total_seconds()
    if isinstance(cell, str):
        try:
            return float(cell)
        except ValueError:
            return None
    return None


def _milliseconds(cell: Any) -> float | None:  # noqa: ANN401 - whatever a driver gives
    """Milliseconds of an interval, or of a text such as ``1h30m`` or ``250ms``."""
    if isinstance(cell, dt.timedelta):
        return cell.total_seconds() * 1000
    match = _DURATION.fullmatch(cell) if isinstance(cell, str) else None
    if match is None:
        return None
    length = sum(float(number) * _MILLISECONDS[unit] for number, unit in _PART.findall(match[2]))
    return -length if match[1] == "-" else length


def _label(cell: Any) -> Any:  # noqa: ANN401 - whatever a driver gives
    return int(_epoch(cell)) if isinstance(cell, dt.datetime) else cell


def _epoch(moment: dt.datetime) -> float:
    """Seconds since the epoch; a timestamp without time zone is taken to be UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
