"""Families out of a page in the Prometheus text format, as quickly as a long page needs it.

The library's parser is slow, and the page of a service has thousands of lines. This one looks at the lines of
wanted families only, and holds those to the format, because what comes out goes onto Observer's page.
Format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from observer.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*\s*=\s*"(?:[^"\\\n]|\\[\\"n])*"'
_SAMPLE = re.compile(
    rf"""[a-zA-Z_:][a-zA-Z0-9_:]*
         (?:[ \t]*\{{[ \t]*(?P<labels>{_LABEL}(?:\s*,\s*{_LABEL})*)?\s*,?\s*\}})?
         [ \t]+(?P<value>[^\s_]+)(?:[ \t]+-?[0-9]+)?[ \t]*""",
    re.VERBOSE,
)
_PAIR = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*("(?:[^"\\]|\\.)*")')
_NAME_END = re.compile(r"[ \t{]")
_SUFFIXES = {
    "summary": ("_count", "_sum"),
    "histogram": ("_bucket", "_count", "_sum"),
}

RESERVED = frozenset({"replica", "target"})
"""Labels that Observer adds; a service's own is called ``exported_...`` then, as Prometheus does it."""


@dataclass(slots=True)
class TextFamily:
    """A family as it stands on the page."""

    name: str
    type: str = "untyped"
    help: str = ""
    samples: list[tuple[str, str, float]] = field(default_factory=list)
    """What follows the name, the labels as they stand between the braces, and the value."""


def families(text: str, wanted: Callable[[str], bool]) -> list[TextFamily]:
    """The families of a page whose names are wanted, in the order of the page.

    Raises:
        Malformed: A line of one of them is not in that format. Other lines are not looked at.
    """
    known: dict[str, TextFamily] = {}
    of_sample: dict[str, TextFamily | None] = {}
    for line in _lines(text):
        if line.startswith("#"):
            words = line.split(None, 3)
            if len(words) > 2 and words[1] in ("TYPE", "HELP") and wanted(words[2]):
                found = known.setdefault(words[2], TextFamily(words[2]))
                told = words[3].strip() if len(words) > 3 else ""
                if words[1] == "TYPE":
                    found.type = told
                else:
                    found.help = told.replace(r"\n", "\n").replace("\\\\", "\\")
            continue
        name = _NAME_END.split(line, maxsplit=1)[0]
        if name not in of_sample:
            of_sample[name] = _family_of(name, known, wanted)
        family = of_sample[name]
        if family is not None:
            body, value = _sample(line)
            family.samples.append((name[len(family.name) :], body, value))
    return [family for family in known.values() if family.samples]


def _lines(text: str) -> Iterator[str]:
    # Not splitlines: values of labels may hold separators that only Unicode knows.
    for line in text.replace("\r\n", "\n").split("\n"):
        if line and not line.isspace():
            yield line


def _family_of(name: str, known: dict[str, TextFamily], wanted: Callable[[str], bool]) -> TextFamily | None:
    """Whose sample a name is: its own family's, or that of a summary or histogram declared before."""
    if name in known:
        return known[name]
    for suffix in ("_count", "_sum", "_bucket"):
        base = name.removesuffix(suffix)
        if base != name and base in known and suffix in _SUFFIXES.get(known[base].type, ()):
            return known[base]
    return known.setdefault(name, TextFamily(name)) if wanted(name) else None


def _sample(line: str) -> tuple[str, float]:
    match = _SAMPLE.fullmatch(line)
    if match is None:
        raise Malformed(f"not in the Prometheus text format: {line[:80]}")
    try:
        value = float(match["value"])
    except ValueError:
        raise Malformed(f"not in the Prometheus text format: {line[:80]}") from None
    return _body(match["labels"] or ""), int(value) if value.is_integer() else value


def _body(labels: str) -> str:
    """Labels without white space between them, and without names that would clash with Observer's."""
    if "\x00" in labels:
        labels = labels.replace("\x00", "�")
    if not any(f"{name}" in labels for name in RESERVED) and " " not in labels and "\t" not in labels:
        return labels
    pairs = _PAIR.findall(labels)
    return ",".join(f"{'exported_' * (name in RESERVED)}{name}={value}" for name, value in pairs)
