"""postgres_exporter's ``queries.yaml``, read as it is; what cannot be used is told with its line.

The format is that of ``--extend.query-path``: by name an entry with ``query``, ``metrics`` and, where wanted,
``master``, ``cache_seconds`` and ``runonserver``. postgres_exporter has deprecated it and still documents it;
docs/custom-queries.md tells the few differences.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from observer.errors import ConfigurationError
from observer.exporter.postgres.custom.entry import USAGES, Column, Entry
from observer.exporter.postgres.custom.versions import ANY_VERSION, VersionRange

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEYS = ("query", "metrics", "master", "cache_seconds", "runonserver")
_COLUMN_KEYS = ("usage", "description", "metric_mapping", "pg_version")
_METRIC_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_CURRENT_DATABASE = re.compile(
    r"\bcurrent_database\s*\(\s*\)(?:::\w+)?(?:\s+(?:AS\s+)?\"?(\w+)\"?)?", re.IGNORECASE
)
_LABEL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class _Place:
    """A file, and the line of what is being read in it."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.line = 1

    def at(self, node: yaml.Node) -> None:
        self.line = node.start_mark.line + 1

    def error(self, what: str, remedy: str = "") -> ConfigurationError:
        return ConfigurationError(f"{self.file}:{self.line}: {what}", remedy=remedy)


def parse(text: str, *, file: str) -> tuple[Entry, ...]:
    """Read a file's entries.

    Args:
        text: The file's.
        file: Its name, for errors.

    Raises:
        ConfigurationError: It is not such a file. The message names the line.
    """
    place = _Place(file)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place.line = mark.line + 1 if mark else 1
        raise place.error(f"is not YAML: {getattr(error, 'problem', None) or error}") from None
    if root is None:
        return ()
    entries: dict[str, Entry] = {}
    for name, node in _pairs(root, place, "the file"):
        place.at(node)
        if name in entries:
            raise place.error(f"{name} stands in the file twice")
        if not _METRIC_NAME.fullmatch(name):
            raise place.error(
                f"{name!r} cannot begin the name of a metric", "Write letters, digits and _ only."
            )
        entries[name] = _entry(name, node, place)
    return tuple(entries.values())


def _entry(name: str, node: yaml.Node, place: _Place) -> Entry:
    query, main_only, clock = "", False, 0.0
    columns: dict[str, Column] = {}
    versions = ANY_VERSION
    for key, value in _pairs(node, place, name):
        place.at(value)
        if key == "metrics":
            columns = _columns(name, value, place)
        elif key == "query":
            query = _query(_value(value))
        elif key == "cache_seconds":
            clock = _seconds(_value(value), name, place)
        elif key == "master":
            main_only = _switch(_value(value), name, place)
        elif key == "runonserver":
            versions = _range(_value(value), f"{name}: runonserver", place)
        else:
            raise place.error(f"{name}: {key} is not a key of an entry", f"Known are {', '.join(_KEYS)}.")
    place.at(node)
    if not query:
        raise place.error(f"{name}: has no query", "Give one statement as query: SELECT ...")
    return Entry(
        name=name,
        query=query.encode(),
        columns=columns,
        clock=clock,
        everywhere=not main_only and _tells_databases_apart(query, columns),
        versions=versions,
    )


def _tells_databases_apart(query: str, columns: dict[str, Column]) -> bool:
    """Whether the database is one of its labels: then it is meant to be asked in each of them.

    Anything else would give the same series again, or series that differ in nothing but their values.
    """
    named = {alias or "current_database" for alias in _CURRENT_DATABASE.findall(query)}
    return any(column.usage == "LABEL" and column.name in named for column in columns.values())


def _query(value: object) -> str:
    return value.strip().rstrip(";") if isinstance(value, str) else ""


def _seconds(value: object, name: str, place: _Place) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise place.error(f"{name}: cache_seconds must be a number of seconds")
    return float(value)


def _switch(value: object, name: str, place: _Place) -> bool:
    if not isinstance(value, bool):
        raise place.error(f"{name}: master must be true or false")
    return value


def _columns(name: str, node: yaml.Node, place: _Place) -> dict[str, Column]:
    if not isinstance(node, yaml.SequenceNode):
        raise place.error(
            f"{name}: metrics must be a list", "Write - COLUMN: {usage: GAUGE, description: ...}"
        )
    columns: dict[str, Column] = {}
    for item in node.value:
        place.at(item)
        for column, options in _pairs(item, place, f"{name}: a metric"):
            place.at(options)
            columns[column] = _column(name, column, options, place)
    return columns


def _column(entry: str, name: str, node: yaml.Node, place: _Place) -> Column:
    given: dict[str, Any] = {}
    for key, value in _pairs(node, place, f"{entry}: {name}"):
        if key not in _COLUMN_KEYS:
            raise place.error(
                f"{entry}: {name}: {key} is not a key of a column", f"Known are {', '.join(_COLUMN_KEYS)}."
            )
        given[key] = _value(value)
    usage = str(given.get("usage", "")).upper()
    if usage not in USAGES:
        raise place.error(
            f"{entry}: {name}: the usage {usage!r} is not one", f"Known are {', '.join(USAGES)}."
        )
    if not (_LABEL_NAME if usage == "LABEL" else _METRIC_NAME).fullmatch(f"x{name}"):
        raise place.error(
            f"{entry}: the column {name!r} cannot stand in a name",
            "Give it another one with AS in the query.",
        )
    mapping = given.get("metric_mapping") or {}
    if usage == "MAPPEDMETRIC" and not mapping:
        raise place.error(f"{entry}: {name}: a MAPPEDMETRIC needs metric_mapping, as in {{on: 1, off: 0}}")
    try:
        numbers = {str(text): float(number) for text, number in mapping.items()}
    except (AttributeError, TypeError, ValueError):
        raise place.error(f"{entry}: {name}: metric_mapping must map texts to numbers") from None
    return Column(
        name=name,
        usage=usage,  # type: ignore[arg-type]  # it is in USAGES
        help=str(given.get("description") or f"{entry} {name}"),
        mapping=numbers,
        versions=_range(given.get("pg_version", ""), f"{entry}: {name}: pg_version", place),
    )


def _range(text: object, where: str, place: _Place) -> VersionRange:
    if text in ("", None):
        return ANY_VERSION
    try:
        return VersionRange.parse(str(text))
    except ValueError as error:
        raise place.error(f"{where}: {error}", "Write it like '>=14.0.0 <17.0.0'.") from None


def _pairs(node: yaml.Node, place: _Place, what: str) -> Iterator[tuple[str, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        place.at(node)
        raise place.error(f"{what} must be a mapping of names to values")
    for key, value in node.value:
        yield str(key.value), value


def _value(node: yaml.Node) -> Any:  # noqa: ANN401 - whatever the user wrote
    return yaml.SafeLoader("").construct_object(node, deep=True)
