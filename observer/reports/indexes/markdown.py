"""The index report as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    from observer.advisor.report import IndexReport, Recommendation, Served


def render(report: IndexReport) -> str:
    """A document for a ticket, a pull request or a reader without a browser."""
    window = f" over {span(report.window_seconds)}" if report.window_seconds else ""
    lines = [
        f"# Index advice for {report.database}",
        "",
        f"**{headline(report)}.**",
        "",
        (
            f"{moment(report.created_at)}, PostgreSQL {report.server_version},"
            f" HypoPG {report.hypopg or 'missing'};"
            f" {report.statements} statements from {report.source}{window}; budget {in_words(report.budget)}."
        ),
        "",
    ]
    lines += [f"- {note}" for note in report.notes]
    if report.worsened:
        lines += ["", "## Statements that would cost more", ""]
        lines += [
            f"- `{_tick(w.text)}`{' with ' + w.values if w.values else ''}:"
            f" {w.cost_before:,.0f} to {w.cost_after:,.0f}"
            for w in report.worsened
        ]
    if report.recommendations:
        lines += ["", "## Build", "", "| index | saves | size | confidence |", "|---|---|---|---|"]
        lines += [
            f"| `{item.name}` | {share(item.saved)} | {in_words(item.size)} | {item.confidence} |"
            for item in report.recommendations
        ]
        for item in report.recommendations:
            lines += _recommendation(item)
    if report.hypotheses:
        lines += ["", "## Hypotheses", "", "Nobody could price these; try them on a copy first.", ""]
        for hypothesis in report.hypotheses:
            needs = f" Needs the extension {hypothesis.needs}." if hypothesis.needs else ""
            lines.append(f"- `{_tick(hypothesis.ddl)}`: {hypothesis.reason}.{needs}")
    if report.rejected:
        lines += ["", "## Looked at and not chosen", ""]
        lines += [
            f"- `{_tick(item.definition)}` (alone {share(item.saved_alone)}, {in_words(item.size)}):"
            f" {item.reason}"
            for item in report.rejected
        ]
    if report.unpriced:
        lines += ["", "## Statements without advice", ""]
        for unpriced in report.unpriced:
            remedy = f" Remedy: {unpriced.remedy}." if unpriced.remedy else ""
            lines.append(f"- `{_tick(unpriced.text or unpriced.queryid)}`: {unpriced.reason}.{remedy}")
    run = report.run
    lines += [
        "",
        f"Found in {run.seconds:.1f} s: {run.explains} EXPLAINs, {run.candidates} candidates.",
        "",
    ]
    return "\n".join(lines)


def _recommendation(item: Recommendation) -> list[str]:
    lines = ["", f"### {item.name}", "", "```sql", f"{item.ddl};", "```", ""]
    rests = f"confidence {item.confidence} ({item.kind}); {evidence(item)}"
    lines.append(f"- Size {in_words(item.size)}; saves {share(item.saved)}; {rests}")
    lines.append(f"- Writers: {upkeep_line(item)}")
    lines += [f"- {note}" for note in item.notes]
    if item.replaces:
        lines.append(f"- Makes superfluous, to be looked at: {', '.join(item.replaces)}")
    for served in item.statements:
        lines += _served(served)
    return lines


def _served(served: Served) -> list[str]:
    calls = f", {served.calls:,} calls" if served.calls else ""
    queryid = f" queryid {served.queryid}," if served.queryid else ""
    lines = [
        "",
        f"Serves{queryid} {share(served.share)} of the workload{calls}: {cost_line(served)}",
        "",
        "```sql",
        served.text.replace("```", "` ` `"),
        "```",
    ]
    if served.checked:
        lines += ["", *(f"- {line}" for line in served.checked)]
    lines += ["", "```", "before:"]
    lines += ["  " * (step.depth + 1) + step.text for step in served.plan_before]
    lines += ["after:"]
    lines += ["  " * (step.depth + 1) + step.text for step in served.plan_after]
    return [*lines, "```"]


def _tick(text: str) -> str:
    return text.replace("`", "'")
