"""An index report against the former one: new, still, resolved; and what built indexes brought."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from observer.advisor.report import IndexReport

_CAST = re.compile(r"::(?:\"[^\"]+\"|[a-z_]+(?: varying| precision| with(?:out)? time zone)?)(?:\[\])?")
_HEAD = re.compile(
    r"\A\s*CREATE\s+(UNIQUE\s+)?INDEX\s+(?:CONCURRENTLY\s+)?(?:IF\s+NOT\s+EXISTS\s+)?.*?\bON\s+(?:ONLY\s+)?",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Named:
    """An index of a report."""

    relation: str
    name: str
    ddl: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A statement before and after an index stood; milliseconds of one call.

    Args:
        after_ms: None when it was not called since.
    """

    queryid: str
    text: str
    before_ms: float
    after_ms: float | None
    calls_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """An index that was advised once and stands now.

    Args:
        seen_at: When it was first seen to stand, in seconds since the epoch.
    """

    relation: str
    name: str
    ddl: str
    seen_at: float
    statements: tuple[Effect, ...]


def normal(definition: str) -> str:
    """What an index is, without its name and however it was written: equal for equal indexes."""
    head = _HEAD.match(definition)
    unique = bool(head and head[1])
    rest = definition[head.end() :] if head else definition
    rest = re.sub(r"\s+USING\s+btree\b", "", rest.rstrip("; \n"), count=1, flags=re.IGNORECASE)
    rest = re.sub(r"[\s()]", "", _CAST.sub("", rest))
    return f"{'unique ' if unique else ''}{rest}".lower()


def standing(advised: Iterable[Named], found: Iterable[tuple[str, str, str, str]]) -> set[tuple[str, str]]:
    """Those of the advised indexes that stand, under their name or another, as (relation, name).

    Args:
        advised: By qualified relation and name.

        found: Schema, relation, name and definition of the usable indexes.
    """
    names, definitions = set(), set()
    for schema, relation, name, definition in found:
        names.add((schema, relation, name))
        definitions.add(normal(definition))
    stand = set()
    for index in advised:
        schema, relation = bare(index.relation)
        if (schema, relation, index.name) in names or normal(index.ddl) in definitions:
            stand.add((index.relation, index.name))
    return stand


def bare(relation: str) -> tuple[str, str]:
    """Schema and name of a qualified relation, without quotes."""
    parts = re.findall(r'"(?:[^"]|"")*"|[^."]+', relation)
    plain = [part[1:-1].replace('""', '"') if part.startswith('"') else part for part in parts]
    return (plain[0], plain[1]) if len(plain) > 1 else ("public", plain[0])


def changes(
    former: IndexReport | None,
    now: IndexReport,
    *,
    former_id: int | None,
    built: Iterable[Built],
    stand: set[tuple[str, str]],
) -> dict[str, Any]:
    """What is new, still advised and resolved, as a document.

    Where either of the two could not be priced nothing can be said: an index that is not advised may still be
    missing.
    """
    compared = former is not None and bool(former.hypopg) and bool(now.hypopg)
    before = _indexes(former) if former is not None and compared else {}
    after = _indexes(now)
    return {
        "former": former_id,
        "compared": compared,
        "new": [_plain(index) for key, index in after.items() if compared and key not in before],
        "still": [_plain(index) for key, index in after.items() if key in before],
        "resolved": [
            _plain(index) | {"why": "built" if key in stand else "no longer worth its cost"}
            for key, index in before.items()
            if key not in after
        ],
        "built": [_built(one) for one in built],
    }


def _indexes(report: IndexReport) -> dict[tuple[str, str], Named]:
    return {(r.relation, r.name): Named(r.relation, r.name, r.ddl) for r in report.recommendations}


def _plain(index: Named) -> dict[str, Any]:
    return {"relation": index.relation, "name": index.name, "ddl": index.ddl}


def _built(one: Built) -> dict[str, Any]:
    return {
        "relation": one.relation,
        "name": one.name,
        "ddl": one.ddl,
        "seen_at": one.seen_at,
        "statements": [
            {
                "queryid": effect.queryid,
                "text": effect.text,
                "mean_before_ms": effect.before_ms,
                "mean_after_ms": effect.after_ms,
                "calls_after": effect.calls_after,
            }
            for effect in one.statements
        ],
    }


def in_words(document: Mapping[str, Any]) -> str:
    """The changes in one line."""
    if document["former"] is None:
        said = "the first report"
    elif not document["compared"]:
        said = "not to be compared with the former report: one of the two was not priced"
    else:
        built = sum(one["why"] == "built" for one in document["resolved"])
        counts = (
            (built, "built"),
            (len(document["resolved"]) - built, "no longer advised"),
            (len(document["new"]), "newly advised"),
            (len(document["still"]), "still to build"),
        )
        said = ", ".join(f"{count} {word}" for count, word in counts if count)
    return said or "nothing changed"
