"""The replies in an incident's thread: what the data says, and that it got worse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.incidents import words
from observer.incidents.look import DOTS, mentions
from observer.slack import limits
from observer.slack.message import Block, Message, context, section
from observer.slack.text import clip, quoted

if TYPE_CHECKING:
    from observer.incidents.look import Look
    from observer.incidents.model import Evidence, Incident, Severity

EVIDENCE_ROWS = 12
CELL = 60


def raised(incident: Incident, look: Look, severity: Severity) -> Message:
    """A reply that tells the channel that an incident got worse: edits of its message notify nobody."""
    called = mentions(incident, look)
    word = quoted(words.severity_word(incident), 40)
    text = f"{DOTS[severity]} *{quoted(words.name(incident), 200)}* is now of severity *{word}*"
    text += f" {called}" if called else ""
    return Message(text=text, blocks=(section(text),), broadcast=True)


def evidence(told: Evidence) -> Message:
    """The reply with what the data says. It calls nobody."""
    for rows in range(EVIDENCE_ROWS, -1, -1):
        built = Message(text=quoted(told.title, 300), blocks=tuple(_blocks(told, rows)))
        if built.characters() <= limits.MESSAGE:
            break
    return built


def _blocks(told: Evidence, rows: int) -> list[Block]:
    blocks = [section(f"*{quoted(told.title, 300)}*")]
    if told.sentences:
        blocks.append(section("\n".join(f"• {quoted(s, 500)}" for s in told.sentences[:5])))
    if told.columns and told.rows and rows:
        blocks.append(section(_table(told, rows)))
        if len(told.rows) > rows:
            blocks.append(context(f"and {len(told.rows) - rows} more"))
    if told.then is not None:
        blocks += _blocks(told.then, rows)
    return blocks


def _table(told: Evidence, rows: int) -> str:
    """A table in fixed width; cut by whole lines, so that the fence is always closed."""
    cells = [
        [clip(" ".join(cell.replace("`", "ʼ").split()), CELL) for cell in row]  # noqa: RUF001 - a stand-in
        for row in (told.columns, *told.rows[:rows])
    ]
    widths = [max(len(row[i]) for row in cells if i < len(row)) for i in range(len(told.columns))]
    lines = []
    room = limits.SECTION_TEXT - 10
    for row in cells:
        line = quoted("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=False)).rstrip(), 400)
        room -= len(line) + 1
        if room < 0:
            break
        lines.append(line)
    return "```\n" + "\n".join(lines) + "\n```"
