"""Reads a collector from one ``.sql`` file, whose header declares what its columns are.

The header is YAML in a comment at the top::

    /*
    collector: locks                  # its name; the file's name without .sql when left out
    prefix: pg_locks_                 # what the metrics' names begin with
    labels: [datname, mode]           # the query's first columns, in this order
    metrics:                          # the following columns, in this order
      count: {gauge: Number of locks.}
      wait_seconds: {histogram: How long, buckets: [0.1, 1, 10]}    # an array of what was observed
    columns: by name                  # left out: by place
    scope: database                   # runs in every database; left out: once for the server
    clock: sizes                      # or slow, or 10m; left out: every collection
    requires: {server: ">=140000", extension: "pg_buffercache>=1.4", role: primary}
    enabled: false                    # runs only when the settings say so
    */
    SELECT ...

Several files may declare the same metric for versions that exclude each other.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, get_args

import yaml

from observer.config.problems import did_you_mean
from observer.config.units import seconds
from observer.errors import ConfigurationError
from observer.exporter.declaration import MetricDeclaration, MetricType
from observer.exporter.postgres import requirement
from observer.exporter.postgres.sqlcollector import EXTENSION_SCHEMA, Column, Scope, SqlCollector

_HEADER = re.compile(r"\s*/\*(.*?)\*/\s*(.*)", re.DOTALL)

CLOCKS = ("sizes", "slow")
"""Names of the intervals at which collectors run; without one it is every collection."""

_KEYS = {
    "collector",
    "prefix",
    "labels",
    "metrics",
    "columns",
    "scope",
    "clock",
    "requires",
    "enabled",
}
_FORM = (
    "Write it as {gauge: What it is.}; where columns are found by name, also column: and scale:."
    " A histogram has buckets: rising numbers."
)


def parse(text: str, *, name: str) -> SqlCollector:
    """Read a collector from the text of its file.

    Args:
        text: The file's.
        name: The file's name without its ending; stands in errors.

    Raises:
        ConfigurationError: The header is missing or wrong.
    """
    file = f"{name}.sql"
    match = _HEADER.fullmatch(text)
    if match is None:
        raise ConfigurationError(f"{file}: does not begin with a header comment /* ... */ before its query")
    header = _header(match[1], file)
    labels = tuple(header.get("labels", ()))
    by_name = _one_of(header, "columns", {"by name": True, "by place": False}, "by place", file)
    scope: Scope = _one_of(header, "scope", {one: one for one in get_args(Scope)}, "server", file)
    if scope == "database" and "datname" not in labels:
        raise ConfigurationError(
            f"{file}: scope is database, and labels lacks datname",
            remedy="Select current_database() as the column datname, or databases cannot be told apart.",
        )
    enabled = header.get("enabled", True)
    if not isinstance(enabled, bool):
        raise ConfigurationError(f"{file}: enabled is {enabled!r}", remedy="Write true or false.")
    requires = requirement.parse(header.get("requires", {}), file=file)
    query = match[2].encode()
    if EXTENSION_SCHEMA.search(query) and not requires.extension:
        raise ConfigurationError(
            f"{file}: its query says extension. and it requires none",
            remedy="Name it, as in requires: {extension: pg_buffercache}.",
        )
    collector = str(header.get("collector", name))
    declared = [
        _declared(str(header["prefix"]), str(column), value, by_name=by_name, file=file)
        for column, value in header["metrics"].items()
    ]
    return SqlCollector(
        name=collector,
        query=query,
        labels=labels,
        metrics=tuple(
            MetricDeclaration(metric, kind, text, "postgres", labels, collector)
            for metric, kind, text, _ in declared
        ),
        columns=tuple(column for *_, column in declared),
        by_name=by_name,
        clock=_clock(header.get("clock", ""), file),
        scope=scope,
        requires=requires,
        enabled=enabled,
    )


def _header(text: str, file: str) -> dict[str, Any]:
    try:
        header = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{file}: its header is not YAML: {error}") from None
    if not isinstance(header, dict):
        raise ConfigurationError(f"{file}: its header must be a mapping, as in prefix: pg_locks_")
    for key in map(str, header):
        if key not in _KEYS:
            raise ConfigurationError(
                f"{file}: its header has the key {key}, which there is not", remedy=did_you_mean(key, _KEYS)
            )
    for key in ("prefix", "metrics"):
        if key not in header:
            raise ConfigurationError(f"{file}: its header lacks the key {key}")
    if not isinstance(header["metrics"], dict):
        raise ConfigurationError(f"{file}: metrics must be a mapping, as in count: {{gauge: what it is}}")
    if not isinstance(header.get("labels", []), list):
        raise ConfigurationError(f"{file}: labels must be a list, as in [datname, mode]")
    return header


def _one_of(header: dict[str, Any], key: str, choices: dict[str, Any], default: str, file: str) -> Any:  # noqa: ANN401 - of what type the choices are
    given = header.get(key, default)
    if given not in choices:
        raise ConfigurationError(f"{file}: {key} is {given!r}", remedy=f"Write {' or '.join(choices)}.")
    return choices[given]


def _declared(
    prefix: str, name: str, value: object, *, by_name: bool, file: str
) -> tuple[str, MetricType, str, Column]:
    metric = prefix + name
    wrong = ConfigurationError(
        f"{file}: {metric} must be declared as {{gauge: what it is}}",
        remedy=_FORM,
    )
    if not isinstance(value, dict):
        raise wrong
    kinds: list[MetricType] = [kind for kind in get_args(MetricType) if kind in value]
    rest = {key: text for key, text in value.items() if key not in kinds}
    buckets = rest.pop("buckets", [])
    if len(kinds) != 1 or (rest and not by_name) or ("histogram" in kinds) != bool(buckets):
        raise wrong
    scale = rest.pop("scale", 1)
    column = rest.pop("column", name)
    if rest or not _is_number(scale) or not _rising(buckets) or (buckets and scale != 1):
        raise wrong
    return metric, kinds[0], str(value[kinds[0]]), Column(str(column), scale, tuple(buckets))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _rising(bounds: object) -> bool:
    return (
        isinstance(bounds, list)
        and all(map(_is_number, bounds))
        and all(low < high for low, high in pairwise(bounds))
    )


def _clock(clock: object, file: str) -> str | float:
    if clock == "" or clock in CLOCKS:
        return str(clock)
    try:
        every = seconds(clock) if isinstance(clock, str) else None
    except ValueError:
        every = None
    if not isinstance(every, float) or every <= 0:
        raise ConfigurationError(
            f"{file}: there is no clock {clock!r}",
            remedy=f"Write {', '.join(CLOCKS)} or a duration such as 10m; leave it out for every collection.",
        )
    return every
