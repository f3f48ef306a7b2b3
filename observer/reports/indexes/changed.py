"""What changed since the former index report, as the top of a page and of a Markdown file."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from observer.reports.changes import in_words
from observer.reports.indexes.words import moment

if TYPE_CHECKING:
    from collections.abc import Mapping


def html(changes: Mapping[str, Any]) -> str:
    """A section; empty when there is nothing to say."""
    if changes["former"] is None and not changes["built"]:
        return ""
    parts = [f'<section class="changes"><h2>Since the former report: {escape(in_words(changes))}</h2>']
    gone = [item for item in changes["resolved"] if item["why"] != "built"]
    if gone:
        rows = "".join(f"<li><code>{escape(item['ddl'])}</code>: {escape(item['why'])}</li>" for item in gone)
        parts.append(f"<ul>{rows}</ul>")
    for item in changes["built"]:
        rows = "".join(
            f"<li><code>{escape(one['text'])}</code><br>{escape(_line(one))}</li>"
            for one in item["statements"]
        )
        parts.append(f"<h3>{escape(item['name'])} stands since {moment(item['seen_at'])}</h3><ul>{rows}</ul>")
    return "".join([*parts, "</section>"])


def markdown(changes: Mapping[str, Any]) -> str:
    """The same; empty when there is nothing to say."""
    if changes["former"] is None and not changes["built"]:
        return ""
    lines = [f"## Since the former report: {in_words(changes)}", ""]
    lines += [f"- `{i['ddl']}`: {i['why']}" for i in changes["resolved"] if i["why"] != "built"]
    for item in changes["built"]:
        lines += [
            f"### {item['name']} stands since {moment(item['seen_at'])}",
            "",
            "| statement | mean before | mean after | | calls since |",
            "|---|---:|---:|---|---:|",
        ]
        lines += [
            f"| `{one['text'].replace('|', chr(92) + '|')}` | {_ms(one['mean_before_ms'])}"
            f" | {_ms(one['mean_after_ms'])} | {_factor(one)} | {one['calls_after']:,} |"
            for one in item["statements"]
        ]
        lines.append("")
    return "\n".join([*lines, ""])


def _line(one: Mapping[str, Any]) -> str:
    before = f"mean {_ms(one['mean_before_ms'])} before"
    if one["mean_after_ms"] is None:
        return f"{before}, not called since"
    return f"{before}, {_ms(one['mean_after_ms'])} over {one['calls_after']:,} calls since: {_factor(one)}"


def _ms(value: float | None) -> str:
    return "not called yet" if value is None else f"{value:,.3g} ms"


def _factor(one: Mapping[str, Any]) -> str:
    before, after = one["mean_before_ms"], one["mean_after_ms"]
    if not before or not after:
        return ""
    return f"{before / after:,.1f} times faster" if before >= after else f"{after / before:,.1f} times slower"
