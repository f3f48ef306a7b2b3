"""The peers' exporters as processes, and what their pages declare: names, types, names of labels."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from observer.demo.servers import ServerProcess
from observer.demo.servers.ports import free_port
from observer.demo.servers.process import find_program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? \S+$")
_LABEL = re.compile(r'(\w+)="(?:[^"\\]|\\.)*",?')


@dataclass(frozen=True, slots=True)
class Series:
    """What all samples of one name have in common.

    Args:
        type: As the page declares it: counter, gauge, untyped, histogram, summary.
        labels: The names of labels, of each sample that has others.
    """

    type: str
    labels: frozenset[frozenset[str]]

    def __str__(self) -> str:
        shapes = " or ".join(sorted("{" + ", ".join(sorted(labels)) + "}" for labels in self.labels))
        return f"{self.type} {shapes}"


def series_of(page: str, *, without: frozenset[str] = frozenset()) -> dict[str, Series]:
    """The series of a page by name; ``without`` names labels that do not count."""
    types: dict[str, str] = {}
    labels: dict[str, set[frozenset[str]]] = {}
    for line in page.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            types[name] = kind
        elif found := _SAMPLE.match(line):
            names = frozenset(_LABEL.findall(found[2] or "")) - without
            labels.setdefault(found[1], set()).add(names)
    return {
        name: Series(
            types.get(name) or types.get(re.sub("_(bucket|sum|count)$", "", name), "untyped"),
            frozenset(shapes),
        )
        for name, shapes in labels.items()
    }


@contextlib.contextmanager
def peer_page(
    directory: Path,
    program: str,
    arguments: Sequence[str],
    *,
    listen: str,
    environment: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """The page of an exporter that runs for as long as it takes to read it.

    Args:
        directory: Takes its log.
        program: Looked for in PATH.
        arguments: Of the program.
        listen: The flag that takes its address.
        environment: Of the program.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}/metrics"
    process = ServerProcess(
        name=program,
        arguments=(find_program(program, package=program), f"{listen}=127.0.0.1:{port}", *arguments),
        directory=directory,
        log=directory / f"{program}.log",
        environment=environment,
    )

    def answers() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(url, timeout=30, trust_env=False).is_success
        return False

    process.start()
    try:
        process.wait_until(answers, seconds=60)
        yield httpx.get(url, timeout=60, trust_env=False).text
    finally:
        process.stop(seconds=5)
