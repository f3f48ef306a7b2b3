"""Statement texts without the data in them: what pg_stat_statements keeps can hold passwords.

The server replaces the constants of queries by ``$1``, but keeps utility statements as they were written,
``ALTER ROLE app PASSWORD 'secret'`` among them (PostgreSQL 15 and older; later ones keep some). So texts are
read by PostgreSQL's lexical rules, and no constant, comment or unterminated rest leaves the process.
"""

from __future__ import annotations

import re

MARK = "?"
"""Stands for a constant that was removed."""

_TOKEN = re.compile(
    r"""
      (?P<line>--[^\n]*)
    | (?P<block>/\*)
    | (?P<dollar>\$(?:[^\W\d]\w*)?\$)
    | (?P<quoted>(?:\b[eEbBxXnN]|\b[uU]&)?')
    | (?P<identifier>(?:\b[uU]&)?"(?:[^"]|"")*"?)
    | (?P<parameter>\$\d+)
    | (?P<number>(?<![\w$."])
        (?:0[xXoObB][\da-fA-F_]+|\d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?))
    | (?P<word>[^\W\d][\w$]*)
    | (?P<space>\s+)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)

_SETTING = re.compile(
    r"\A(\s*(?:SET(?:\s+(?:SESSION|LOCAL))?|ALTER\s+(?:ROLE|USER|DATABASE|SYSTEM)\b.*?\bSET)\s+[\w.\"]+)"
    r"\s*(?:=|\bTO\b).*",
    re.IGNORECASE | re.DOTALL,
)


def redact_statement(text: str) -> str:
    """A statement with every constant replaced by ``?``, without comments, white space folded.

    Unterminated strings, quoted identifiers and comments are removed to the end of the text: a text may be
    cut off anywhere. Of SET only the setting's name is kept, since values may stand there without quotes.
    """
    out: list[str] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            break
        position = match.end()
        kind = match.lastgroup
        if kind == "line":
            out.append(" ")
        elif kind == "block":
            position = _end_of_comment(text, position)
            out.append(" ")
        elif kind == "dollar":
            end = text.find(match[0], position)
            position = len(text) if end < 0 else end + len(match[0])
            out.append(MARK)
        elif kind == "quoted":
            position = _end_of_string(text, position, escapes=match[0][:1] in "eE")
            out.append(MARK)
        elif (kind == "identifier" and (len(match[0]) < 2 or not match[0].endswith('"'))) or kind == "number":
            out.append(MARK)
        else:
            out.append(" " if kind == "space" else match[0])
    folded = re.sub(r"\s+", " ", "".join(out)).strip()
    return _SETTING.sub(rf"\1 = {MARK}", folded)


def cut(text: str, length: int) -> str:
    """A text of at most ``length`` code points, marked when it was cut."""
    return text if len(text) <= length else text[: length - 1] + "…"


def _end_of_comment(text: str, position: int) -> int:
    """Where a block comment that began before ``position`` ends; comments nest."""
    depth = 1
    while depth:
        end, begin = text.find("*/", position), text.find("/*", position)
        if end < 0:
            return len(text)
        if 0 <= begin < end:
            depth, position = depth + 1, begin + 2
        else:
            depth, position = depth - 1, end + 2
    return position


def _end_of_string(text: str, position: int, *, escapes: bool) -> int:
    """Where a string constant that began before ``position`` ends; ``''`` is a quote within it."""
    while position < len(text):
        character = text[position]
        if escapes and character == "\\":
            position += 2
        elif character != "'":
            position += 1
        elif text[position + 1 : position + 2] == "'":
            position += 2
        else:
            return position + 1
    return len(text)
