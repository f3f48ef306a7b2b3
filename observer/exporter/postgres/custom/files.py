"""Reads the files that a target's setting ``queries`` names, and holds them against what there is already."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from observer.errors import ConfigurationError
from observer.exporter.postgres import settings, sqlfile
from observer.exporter.postgres.custom import queries_yaml
from observer.exporter.postgres.custom.costs import costly

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from observer.exporter.declaration import MetricDeclaration
    from observer.exporter.postgres.custom.entry import Entry
    from observer.exporter.postgres.sqlcollector import SqlCollector

ENDINGS = (".sql", ".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class CustomQueries:
    """A user's own queries.

    Args:
        collectors: Of ``.sql`` files.
        entries: Of ``queries.yaml`` files.
        warnings: Sentences about what is dear, and what is left out.
    """

    collectors: tuple[SqlCollector, ...] = ()
    entries: tuple[Entry, ...] = ()
    warnings: tuple[str, ...] = ()

    def declared(self) -> tuple[MetricDeclaration, ...]:
        """Their metrics, but for columns that nobody declared."""
        return (
            *(metric for collector in self.collectors for metric in collector.metrics),
            *(metric for entry in self.entries for metric in entry.declared()),
        )


NO_QUERIES = CustomQueries()


def read(paths: Sequence[Path], *, collectors: Collection[str], metrics: Collection[str]) -> CustomQueries:
    """Read files, and folders of files, in the order given.

    A metric that Observer has itself is left out of an entry of ``queries.yaml``, with a warning: published
    files hold many, and a series that stands on a page twice would cost the whole page.

    Args:
        paths: Of files and folders.
        collectors: Names of collectors that there are.
        metrics: Names of metrics that there are.

    Raises:
        ConfigurationError: A file cannot be used. Its sentence tells the faults of all files, one on a line.
    """
    reader = _Reader(known=set(collectors), taken=set(metrics))
    for path in paths:
        reader.read(path)
    if reader.faults:
        raise ConfigurationError("\n".join(reader.faults))
    return CustomQueries(tuple(reader.collectors), tuple(reader.entries), tuple(reader.warnings))


@dataclass(slots=True)
class _Reader:
    """What was read so far."""

    known: set[str]
    taken: set[str]
    collectors: list[SqlCollector] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def read(self, path: Path) -> None:
        if path.is_dir():
            for file in sorted(file for file in path.iterdir() if file.suffix in ENDINGS):
                self.read(file)
            return
        try:
            self._take(path)
        except ConfigurationError as error:
            self.faults.append(f"{error.sentence}. {error.remedy}".strip().rstrip(".") + ".")

    def _take(self, path: Path) -> None:
        if path.suffix not in ENDINGS:
            raise ConfigurationError(
                f"{path}: is neither a folder nor a file of queries",
                remedy=f"Its name must end with {', '.join(ENDINGS)}.",
            )
        if path.suffix == ".sql":
            self._take_sql(path)
        else:
            self._take_yaml(path)

    def _take_sql(self, file: Path) -> None:
        collector = sqlfile.parse(_text(file), name=str(file.with_suffix("")))
        collector = replace(collector, name=collector.name.rpartition("/")[2])
        self._name(collector.name, file, "Give it another one with collector: in the header.")
        for metric in collector.metrics:
            if self._is_taken(metric.name):
                raise ConfigurationError(
                    f"{file}: the metric {metric.name} is there already",
                    remedy="Choose another prefix, or switch off the collector that has it.",
                )
        self.taken.update(metric.name for metric in collector.metrics)
        self.collectors.append(collector)

    def _take_yaml(self, file: Path) -> None:
        for entry in queries_yaml.parse(_text(file), file=str(file)):
            self._name(entry.name, file, "Give the entry another name.")
            names = [metric.name for metric in entry.declared()]
            double = [name for name in names if self._is_taken(name)]
            self.warnings += [f"{file}: {sentence}" for sentence in costly(entry)]
            if double:
                self.warnings.append(
                    f"{file}: of {entry.name} is left out what Observer has itself: {', '.join(double)}"
                )
            self.entries.append(replace(entry, left_out=frozenset({*self.taken, *double})))
            self.taken.update(names)

    def _name(self, name: str, file: Path, remedy: str) -> None:
        if name in self.known:
            raise ConfigurationError(f"{file}: there is a collector called {name} already", remedy=remedy)
        self.known.add(name)

    def _is_taken(self, name: str) -> bool:
        return name in self.taken or name.startswith(settings.PREFIX)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file}: is not UTF-8 text") from None
