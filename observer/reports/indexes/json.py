"""The index report as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from observer.advisor.report import IndexReport


def render(report: IndexReport) -> str:
    """The document, indented; ``schema_version`` says how to read it."""
    return json.dumps(report.document(), indent=2, ensure_ascii=False) + "\n"
