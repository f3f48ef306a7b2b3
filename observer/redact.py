"""Statement texts without the data in them: what pg_stat_statements keeps can hold passwords.

The server replaces the constants of queries by ``$1``, but keeps utility statements as they were written,
``ALTER ROLE app PASSWORD 'secret'`` among them (PostgreSQL 15 and older; later ones keep some). So texts are
read by PostgreSQL's lexical rules, and no constant, comment or unterminated rest leaves the process.
"""

from __future__ import annotations

import re

MARK = "?"
"""Stands for a constant that was removed."""

_LETTERS = r"A-Za-z_\x80-\U0010ffff"
"""The server takes every character beyond ASCII for one."""

_TOKEN = re.compile(
    rf"""
      (?P<line>--[^\n\r]*)
    | (?P<block>/\*)
    | (?P<dollar>\$(?:[{_LETTERS}][{_LETTERS}0-9]*)?\$)
    | (?P<quoted>(?:[eEbBxXnN]|[uU]&)?')
    | (?P<identifier>(?:[uU]&)?"(?:[^"]|"")*"?)
    | (?P<parameter>\$[0-9]+)
    | (?P<number>0[xXoObB][0-9a-fA-F_]+
        | (?:[0-9][0-9_]*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<word>[{_LETTERS}][{_LETTERS}0-9$]*)
    | (?P<space>\s+)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)

_SETTING = re.compile(
    r"\A((?:SET(?:\s+(?:SESSION|LOCAL))?"
    r"|(?:ALTER\s+(?:ROLE|USER|DATABASE|SYSTEM)"
    r"|(?:CREATE(?:\s+OR\s+REPLACE)?|ALTER)\s+(?:FUNCTION|PROCEDURE|ROUTINE))\b.*?\bSET)"
    r"\s+(?:\"(?:[^\"]|\"\")*\"|[\w.$])+)\s*(?:=|\bTO\b).*",
    re.IGNORECASE | re.DOTALL,
)


def redact_statement(text: str) -> str:
    """A statement with every constant replaced by ``?``, without comments, white space folded.

    Unterminated strings, quoted identifiers and comments are removed to the end of the text: a text may be
    cut off anywhere. Of SET only the setting's name is kept, since values may stand there without quotes.
    After a string whose end depends on ``standard_conforming_strings`` everything is removed.
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
            _space(out)
        elif kind == "block":
            position = _end_of_comment(text, position)
            _space(out)
        elif kind == "dollar":
            end = text.find(match[0], position)
            position = len(text) if end < 0 else end + len(match[0])
            out.append(MARK)
        elif kind == "quoted":
            position = _end_of_string(text, position, escapes=match[0][:1] in "eE")
            out.append(MARK)
        elif (kind == "identifier" and (len(match[0]) < 2 or not match[0].endswith('"'))) or kind == "number":
            out.append(MARK)
        elif kind == "space":
            _space(out)
        else:
            out.append(match[0])
    return _SETTING.sub(rf"\1 = {MARK}", "".join(out).strip())


def cut(text: str, length: int) -> str:
    """A text of at most ``length`` code points, marked when it was cut."""
    return text if len(text) <= length else text[: length - 1] + "…"


def _space(out: list[str]) -> None:
    if out[-1:] != [" "]:
        out.append(" ")


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
    """Where a string constant that began before ``position`` ends; ``''`` is a quote within it.

    A backslash before a quote means one thing to servers that conform to the standard and another to those
    that do not, or where the constant continues an escaped one of the line before. Then it has no end.
    """
    escaped = False
    while position < len(text):
        character = text[position]
        if character == "\\":
            escaped = not escaped
            position += 1
            continue
        if character == "'" and escaped and not escapes:
            return len(text)
        if character != "'" or escaped:
            position += 1
        elif text[position + 1 : position + 2] == "'":
            position += 2
        else:
            return position + 1
        escaped = False
    return len(text)
