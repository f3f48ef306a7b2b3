"""The workload: statements with what they cost, from a file or from samples of pg_stat_statements."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import postgast
from postgast import pg_query_pb2 as pb

from observer.advisor.tree import inner, walk
from observer.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from observer.advisor.tree import Node

_WEIGHT = re.compile(r"--\s*weight:\s*(?P<value>\S+)")
_ADVISED = (pb.SelectStmt, pb.InsertStmt, pb.UpdateStmt, pb.DeleteStmt, pb.MergeStmt)
_FEW = 100
"""So many statements cost little to look at, however small their share is."""
_HIDDEN = "<insufficient privilege>"


class MalformedWorkload(Malformed):
    """A workload file that cannot be understood."""

    code = "malformed-workload"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of the workload.

    Args:
        total_ms: Time it took in the window; 0 where unknown.

        weight: What it counts where no time is known.
    """

    text: str
    queryid: int | None = None
    calls: int = 0
    total_ms: float = 0.0
    weight: float = 1.0
    rows: int = 0
    blocks: int = 0
    """Of shared buffers, found there or read."""

    @property
    def worth(self) -> float:
        """Its share of the workload, before it is divided by the sum."""
        return self.total_ms or self.weight


@dataclass(frozen=True, slots=True)
class Skipped:
    """A statement that is not advised on, and why."""

    text: str
    reason: str
    queryid: int | None = None
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Workload:
    """What is advised on.

    Args:
        seconds: Length of the window; 0 for a file.

        source: Where it comes from, in words.

        loads: COPY FROM, which no index serves and every index is kept up by.
    """

    statements: tuple[Statement, ...]
    skipped: tuple[Skipped, ...] = ()
    seconds: float = 0.0
    source: str = ""
    loads: tuple[Statement, ...] = ()

    @property
    def timed(self) -> bool:
        """Whether the statements' times are known, so that savings are milliseconds."""
        return any(statement.total_ms for statement in self.statements)


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of pg_stat_statements."""

    queryid: int
    text: str
    calls: int
    total_ms: float
    rows: int = 0
    blocks: int = 0


def from_file(text: str) -> Workload:  # noqa: C901 - a small scanner
    """Statements separated by ``;``, each with an optional comment ``-- weight: N`` before it.

    Raises:
        MalformedWorkload: The text cannot be cut into statements, or a weight is no number above zero.
    """
    statements = []
    try:
        tokens = postgast.scan(text).tokens
    except postgast.PgQueryError as error:
        raise MalformedWorkload(
            f"the workload file cannot be read as SQL: {error.message}",
            remedy="look for a quote or comment that is not closed",
        ) from error
    data = text.encode()
    start, weight, begun = 0, 1.0, False
    for token in tokens:
        piece = data[token.start : token.end].decode()
        if piece.startswith("--"):
            found = _WEIGHT.match(piece)
            if found and not begun:
                weight = _weight(found.group("value"), data[: token.start].count(b"\n") + 1)
            if not begun:
                start = token.end
        elif piece.startswith("/*"):
            start = start if begun else token.end
        elif piece == ";":
            if begun:
                statements.append(Statement(data[start : token.start].decode().strip(), weight=weight))
            start, weight, begun = token.end, 1.0, False
        else:
            begun = True
    if begun:
        statements.append(Statement(data[start:].decode().strip(), weight=weight))
    if not statements:
        raise MalformedWorkload(
            "the workload file holds no statement", remedy="write statements separated by semicolons"
        )
    return joined(Workload(tuple(statements), source="a workload file"))


def _weight(text: str, line: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise MalformedWorkload(
            f"line {line}: the weight {text!r} is no number above zero",
            remedy="write for example -- weight: 10",
        )
    return value


def from_samples(
    before: Iterable[Entry], after: Iterable[Entry], seconds: float, source: str = ""
) -> Workload:
    """What was executed between two samples; a counter that went back counts from zero."""
    old: dict[int, Entry] = {}
    for entry in before:
        known = old.get(entry.queryid)
        old[entry.queryid] = _together(known, entry) if known else entry
    new: dict[int, Entry] = {}
    for entry in after:
        known = new.get(entry.queryid)
        new[entry.queryid] = _together(known, entry) if known else entry
    statements, skipped = [], []
    for entry in new.values():
        then = old.get(entry.queryid)
        if then is None or entry.calls < then.calls or entry.total_ms < then.total_ms:
            then = Entry(entry.queryid, "", 0, 0.0)
        calls = entry.calls - then.calls
        if calls == 0:
            continue
        if entry.text == _HIDDEN:
            reason = "its text may not be read"
            skipped.append(Skipped("", reason, entry.queryid, "GRANT pg_monitor TO the role Observer uses"))
        elif not entry.text.strip():
            skipped.append(Skipped("", "the server has lost its text", entry.queryid))
        else:
            spent, rows = entry.total_ms - then.total_ms, max(0, entry.rows - then.rows)
            text = entry.text.strip().rstrip(";")
            blocks = max(0, entry.blocks - then.blocks)
            statements.append(Statement(text, entry.queryid, calls, spent, rows=rows, blocks=blocks))
    return joined(Workload(tuple(statements), tuple(skipped), seconds, source or "pg_stat_statements"))


def _together(one: Entry, other: Entry) -> Entry:
    """The same statement of two users as one."""
    return replace(
        one,
        calls=one.calls + other.calls,
        total_ms=one.total_ms + other.total_ms,
        rows=one.rows + other.rows,
        blocks=one.blocks + other.blocks,
    )


def joined(workload: Workload) -> Workload:
    """Statements of the same shape made one: the text of the costliest, calls, times and weights summed.

    Utility statements, and those that read nothing or catalogs alone, as Observer's own do, are no workload.
    """
    groups: dict[str, list[Statement]] = {}
    skipped = list(workload.skipped)
    loads = []
    for statement in workload.statements:
        try:
            shape = postgast.fingerprint(statement.text).hex
            tree = postgast.parse(statement.text)
        except postgast.PgQueryError as error:
            skipped.append(_unparsable(statement, error))
            continue
        if len(tree.stmts) == 1:
            node = inner(tree.stmts[0].stmt)
            if isinstance(node, pb.CopyStmt) and node.is_from:
                loads.append(statement)
            if not _of_users(node):
                continue
        groups.setdefault(shape, []).append(statement)
    statements = []
    for group in groups.values():
        lead = max(group, key=lambda statement: (statement.worth, statement.text))
        statements.append(
            replace(
                lead,
                calls=sum(statement.calls for statement in group),
                total_ms=sum(statement.total_ms for statement in group),
                weight=sum(statement.weight for statement in group),
                rows=sum(statement.rows for statement in group),
                blocks=sum(statement.blocks for statement in group),
            )
        )
    statements.sort(key=lambda statement: (-statement.worth, statement.text))
    return replace(workload, statements=tuple(statements), skipped=tuple(skipped), loads=tuple(loads))


def _of_users(statement: Node) -> bool:
    """Whether a statement reads or writes any table that is not the system's."""
    if not isinstance(statement, _ADVISED):
        return False
    return any(
        isinstance(part, pb.RangeVar)
        and part.schemaname not in ("pg_catalog", "information_schema")
        and not (not part.schemaname and part.relname.startswith("pg_"))
        and not part.relname.startswith("pg_stat_statements")
        for part in walk(statement)
    )


def _unparsable(statement: Statement, error: postgast.PgQueryError) -> Skipped:
    if "end of input" in error.message or "unterminated" in error.message:
        reason = "its text ends in the middle: cut off where it was kept"
        return Skipped(statement.text, reason, statement.queryid, "raise track_activity_query_size")
    return Skipped(statement.text, f"not parsable: {error.message}", statement.queryid)


def weighed(workload: Workload, by: str) -> Workload:
    """The same statements, the time of the window shared out among them by another measure.

    Args:
        workload: With times, as the server counted them.

        by: ``time`` changes nothing; ``calls`` and ``blocks`` share it out by these.
    """
    measure = [{"calls": one.calls, "blocks": one.blocks}.get(by, 0) for one in workload.statements]
    if not any(measure):
        return workload
    each = sum(one.total_ms for one in workload.statements) / sum(measure)
    statements = [
        replace(one, total_ms=each * much)
        for one, much in zip(workload.statements, measure, strict=True)
        if much
    ]
    statements.sort(key=lambda statement: (-statement.worth, statement.text))
    return replace(workload, statements=tuple(statements), source=f"{workload.source}, weighed by {by}")


def leading_part(workload: Workload, share: float, most: int) -> tuple[Workload, float]:
    """The statements that make up ``share`` of the whole, at most ``most``; and the share of the others.

    Where no times are known, or there are few statements, every one counts, and only their number is limited.
    """
    total = sum(statement.worth for statement in workload.statements)
    kept: list[Statement] = []
    seen = 0.0
    for statement in workload.statements:
        enough = workload.timed and len(kept) >= _FEW and seen >= share * total
        if len(kept) >= most or enough:
            break
        kept.append(statement)
        seen += statement.worth
    left = sum(statement.worth for statement in workload.statements[len(kept) :])
    return replace(workload, statements=tuple(kept)), left / total if total else 0.0
