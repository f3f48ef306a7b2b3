"""What changed since the former index report, as the top of a page and of a Markdown file."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from observer.reports.brought import brought, milliseconds
from observer.reports.changes import in_words
from observer.reports.indexes.words import moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from observer.reports.brought import Served

SHOWN = 6
"""Statements that are shown before the rest is folded."""


def html(changes: Mapping[str, Any]) -> str:
    """A section; empty when there is nothing to say."""
    told = brought(changes)
    if changes["former"] is None and told is None:
        return ""
    parts = [f"<p>Since the report before: {escape(in_words(changes))}.</p>"]
    gone = [item for item in changes["resolved"] if item["why"] != "built"]
    if gone:
        rows = "".join(f"<li><code>{escape(item['ddl'])}</code>: {escape(item['why'])}</li>" for item in gone)
        parts.append(f"<details><summary>No longer advised: {len(gone)}</summary><ul>{rows}</ul></details>")
    if told is not None:
        parts.insert(0, f"<h2>{escape(told.sentence())}</h2>")
        parts += [_statement(one) for one in told.statements[:SHOWN]]
        rest = "".join(_statement(one) for one in told.statements[SHOWN:])
        if rest:
            parts.append(
                f"<details><summary>{len(told.statements) - SHOWN} more statements</summary>{rest}</details>"
            )
        rows = "".join(
            f"<li><code>{escape(item['ddl'])}</code> stands since {moment(item['seen_at'])}</li>"
            for item in changes["built"]
        )
        parts.append(f"<details><summary>The indexes that were built</summary><ul>{rows}</ul></details>")
    return f'<article class="changes">{"".join(parts)}</article>'


def markdown(changes: Mapping[str, Any]) -> str:
    """The same; empty when there is nothing to say."""
    told = brought(changes)
    if changes["former"] is None and told is None:
        return ""
    lines = [f"## Since the report before: {in_words(changes)}", ""]
    lines += [f"- `{i['ddl']}`: {i['why']}" for i in changes["resolved"] if i["why"] != "built"]
    if told is not None:
        lines += [
            f"{told.sentence()}.",
            "",
            "| statement | mean before | mean after | | calls since |",
            "|---|---:|---:|---|---:|",
        ]
        lines += [
            f"| `{one.text.replace('|', chr(92) + '|')}` | {milliseconds(one.before)}"
            f" | {milliseconds(one.after)} | {one.factor()} | {one.calls:,} |"
            for one in told.statements
        ]
        lines.append("")
        lines += [f"- `{i['name']}` stands since {moment(i['seen_at'])}" for i in changes["built"]]
    return "\n".join([*lines, ""])


def _statement(one: Served) -> str:
    said = f"{milliseconds(one.before)} before"
    if one.after is not None:
        calls = "1 call" if one.calls == 1 else f"{one.calls:,} calls"
        said += f" → {milliseconds(one.after)} since, over {calls}"
    return (
        f'<div class="effect"><code>{escape(one.text)}</code><b>{escape(one.factor())}</b>'
        f"<span>{escape(said)}</span>"
        f'<span class="bar"><i style="width:{one.left * 100:.1f}%"></i></span></div>'
    )
