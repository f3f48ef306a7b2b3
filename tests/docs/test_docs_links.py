"""Links within the documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.docs.markdown import ROOT, anchors, documents, links, text_of

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENTS = documents()


def test_the_documents_are_found() -> None:
    """The tests of links look at the documents that a reader begins with."""
    names = {str(path.relative_to(ROOT)) for path in DOCUMENTS}
    assert {
        "README.md",
        "CHANGELOG.md",
        "docs/architecture.md",
        "rules/generated/runbooks/README.md",
    } <= names


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_link_is_dead(document: Path) -> None:
    """Every link inside the project leads to a file that is there, and to a heading that is in it."""
    dead = []
    for link in links(document.read_text(encoding="utf-8")):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        there = (document.parent / path).resolve() if path else document
        if (
            not there.is_relative_to(ROOT)
            or not there.exists()
            or (anchor and anchor not in anchors(there.read_text(encoding="utf-8")))
        ):
            dead.append(link)
    assert not dead


def test_the_readme_leads_to_every_document() -> None:
    """A document that nobody is led to is not read."""
    led_to = {(ROOT / link.partition("#")[0]).resolve() for link in links(text_of("README.md"))}
    assert set((ROOT / "docs").glob("*.md")) <= led_to


def test_the_picture_is_light() -> None:
    """Whoever opens the README does not wait for its picture."""
    assert 10_000 < (ROOT / "docs" / "images" / "start.png").stat().st_size < 150_000
