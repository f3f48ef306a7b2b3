"""The index report as one page that needs nothing else: no script, no font, no picture from anywhere."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from observer.reports.indexes import sql
from observer.reports.indexes.style import STYLE
from observer.reports.indexes.words import (
    cost_line,
    evidence,
    headline,
    in_words,
    moment,
    share,
    span,
    upkeep_line,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from observer.advisor.report import Hypothesis, IndexReport, PlanStep, Recommendation, Served


def render(report: IndexReport) -> str:
    """The page."""
    title = escape(f"Index advice for {report.database}")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head><body><main>{body(report)}</main></body></html>\n"
    )


def body(report: IndexReport) -> str:
    """What stands inside the page, for a page that has a frame of its own."""
    parts = [_head(report)]
    if report.worsened:
        rows = "".join(
            f"<li><code>{escape(w.text)}</code> {escape(w.values and f'with {w.values}: ')}"
            f"{w.cost_before:,.0f} &rarr; {w.cost_after:,.0f}</li>"
            for w in report.worsened
        )
        parts.append(
            f'<section class="warn"><h2>Statements that would cost more</h2><ul>{rows}</ul></section>'
        )
    if report.recommendations:
        parts.append("<h2>Build</h2>")
        parts += [_recommendation(item) for item in report.recommendations]
        parts.append(
            "<details><summary>The file that builds them all</summary>"
            f"<pre>{escape(sql.render(report))}</pre></details>"
        )
    if report.hypotheses:
        parts.append(
            "<h2>Hypotheses</h2><p>Nobody could price these; try them on a copy first.</p>"
            + "".join(_hypothesis(item) for item in report.hypotheses)
        )
    if report.rejected:
        rejected = (
            (f"<code>{escape(r.definition)}</code>", share(r.saved_alone), in_words(r.size), escape(r.reason))
            for r in report.rejected
        )
        parts.append(
            "<details><summary>Looked at and not chosen</summary>"
            + _table(("candidate", "saves alone", "size", "why not"), rejected)
            + "</details>"
        )
    if report.unpriced:
        unpriced = (
            (f"<code>{escape(u.text or u.queryid)}</code>", escape(u.reason), escape(u.remedy))
            for u in report.unpriced
        )
        parts.append(
            "<details open><summary>Statements without advice</summary>"
            + _table(("statement", "why", "remedy"), unpriced)
            + "</details>"
        )
    run = report.run
    parts.append(
        f"<footer>Found in {run.seconds:.1f} s with {run.explains:,} questions to the planner among"
        f" {run.candidates:,} candidates. Costs are the planner's; nothing was built or run.</footer>"
    )
    return "".join(parts)


def _head(report: IndexReport) -> str:
    window = f" over {span(report.window_seconds)}" if report.window_seconds else ""
    kind = "good" if report.recommendations else "calm"
    facts = [
        ("of the workload would be saved", share(max(0.0, 1 - report.cost_left))),
        ("of storage, of the budget", f"{in_words(report.size)} of {in_words(report.budget)}"),
        ("statements were looked at", f"{report.statements:,}"),
    ]
    tiles = "".join(f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>" for name, value in facts)
    notes = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
    hypopg = f"HypoPG {report.hypopg}" if report.hypopg else "HypoPG missing"
    return (
        f"<h1>Index advice for {escape(report.database)}</h1>"
        f'<p class="lead {kind}">{escape(headline(report))}</p>'
        f'<div class="tiles">{tiles}</div>'
        f'<p class="quiet">{moment(report.created_at)}; PostgreSQL {escape(report.server_version)},'
        f" {escape(hypopg)};"
        f" {escape(report.source)}{escape(window)}</p>" + (f'<ul class="quiet">{notes}</ul>' if notes else "")
    )


def _recommendation(item: Recommendation) -> str:
    notes = "".join(f"<li>{escape(note)}</li>" for note in item.notes)
    if item.replaces:
        notes += f"<li>makes superfluous, to be looked at: {escape(', '.join(item.replaces))}</li>"
    served = "".join(_served(statement) for statement in item.statements)
    return (
        f'<article><header><h3>{escape(item.name)}</h3><p class="badges"><span class="badge">'
        f'{escape(evidence(item))}</span> <span class="badge {escape(item.confidence)}">'
        f"{escape(item.confidence)} confidence</span></p></header>"
        f"<pre>{escape(item.ddl)};</pre>"
        f"<dl><div><dt>saves</dt><dd>{share(item.saved)}</dd></div><div><dt>size</dt><dd>{in_words(item.size)}</dd></div>"
        f"<div><dt>kind</dt><dd>{escape(item.kind)}</dd></div>"
        f"<div><dt>writers</dt><dd>{escape(upkeep_line(item))}</dd></div></dl>"
        + (f"<ul>{notes}</ul>" if notes else "")
        + f"{served}</article>"
    )


def _served(served: Served) -> str:
    facts = [f"{share(served.share)} of the workload"]
    if served.calls:
        facts.append(f"{served.calls:,} calls")
    facts.append(cost_line(served))
    if served.queryid:
        facts.append(f"queryid {served.queryid}")
    left = min(1.0, served.cost_after / served.cost_before) if served.cost_before > 0 else 1.0
    checked = "".join(f"<li>{escape(line)}</li>" for line in served.checked)
    return (
        f"<details><summary><code>{escape(served.text)}</code><span>{escape(' · '.join(facts))}</span>"
        f'<span class="bar"><i style="width:{left * 100:.1f}%"></i></span></summary>'
        + (f"<ul>{checked}</ul>" if checked else "")
        + f'<div class="plans"><div><h4>Before</h4>{_plan(served.plan_before)}</div>'
        f"<div><h4>After</h4>{_plan(served.plan_after)}</div></div></details>"
    )


def _plan(steps: Iterable[PlanStep]) -> str:
    return "<pre>" + escape("\n".join("  " * step.depth + step.text for step in steps)) + "</pre>"


def _hypothesis(item: Hypothesis) -> str:
    needs = f"<p>Needs: <code>CREATE EXTENSION {escape(item.needs)};</code></p>" if item.needs else ""
    statements = "".join(f"<li><code>{escape(text)}</code></li>" for text in item.statements)
    return (
        f'<article class="open"><header><h3>{escape(item.name)}</h3>'
        '<span class="badge">hypothesis</span></header>'
        f"<pre>{escape(item.ddl)};</pre><p>{escape(item.reason)}</p>{needs}"
        + (f"<ul>{statements}</ul>" if statements else "")
        + "</article>"
    )


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Rows hold HTML already."""
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'
