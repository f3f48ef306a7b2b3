"""What in a user's query is known to be dear, so that he hears of it before his database does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from observer.exporter.postgres.custom.entry import Entry

SLOW_ENOUGH = 60.0
"""Seconds between two runs from which on the sizes of relations may be asked for."""

_TEXTS = re.compile(r"\bpg_stat_statements\b(?!\s*\(\s*(?:showtext\s*=>\s*)?false\s*\))", re.IGNORECASE)
_SIZES = re.compile(
    r"\bpg_(total_relation|relation|table|indexes|database|tablespace)_size\s*\(", re.IGNORECASE
)
_WHOLE = re.compile(r"\bpgstat(?:tuple|index|ginindex|hashindex)\s*\(", re.IGNORECASE)
_TEXT_LABELS = {"query", "statement", "sql", "query_text"}


def costly(entry: Entry) -> list[str]:
    """Sentences about what is dear in an entry; none when nothing known is."""
    query = entry.query.decode()
    found = []
    if _TEXTS.search(query):
        found.append(
            "reads pg_stat_statements with all texts, which costs ten times as much as without; "
            "Observer's own pg_stat_statements_* counters need no query"
        )
    if _SIZES.search(query) and entry.clock < SLOW_ENOUGH:
        found.append(
            "asks for sizes at every collection, which opens files and waits for locks of each relation; "
            "give it cache_seconds: 300"
        )
    if _WHOLE.search(query):
        found.append("reads whole relations with pgstattuple; give it cache_seconds: 86400, or do without")
    texts = sorted(_TEXT_LABELS.intersection(entry.labels))
    if texts:
        found.append(f"makes a series for each text of the label {texts[0]}; label by queryid instead")
    return [f"{entry.name} {sentence}" for sentence in found]
