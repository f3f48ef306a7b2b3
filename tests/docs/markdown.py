"""Reading the documents: which there are, their headings, their blocks of code, their links."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"`[^`\n]*`")


def documents() -> list[Path]:
    """All Markdown files that are part of the project."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The blocks of code in a language; the empty language is none."""
    return [body for named, body in _FENCE.findall(text) if named == language]


def headings(text: str) -> list[str]:
    """The words of all headings."""
    return re.findall(r"^#+ (.*)$", _FENCE.sub("", text), re.MULTILINE)


def anchors(text: str) -> set[str]:
    """The anchors of all headings, as they are made where Markdown is shown."""
    found: dict[str, int] = {}
    made = set()
    for words in headings(text):
        anchor = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        count = found[anchor] = found.get(anchor, -1) + 1
        made.add(f"{anchor}-{count}" if count else anchor)
    return made


def links(text: str) -> list[str]:
    """The targets of all links and pictures outside of code."""
    return _LINK.findall(_CODE.sub("", _FENCE.sub("", text)))


def first_cells(text: str) -> set[str]:
    """Everything in code marks in the first cells of tables."""
    cells = re.findall(r"^\|([^|]*)\|", text, re.MULTILINE)
    return {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}
