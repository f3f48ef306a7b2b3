"""The index report as a file to run: one statement per transaction, each with its rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.advisor.names import quote
from observer.reports.indexes.words import headline, in_words, moment, share

if TYPE_CHECKING:
    from observer.advisor.report import IndexReport, Recommendation

_HEAD = """\
-- {headline}.
-- Database {database}, {moment}. Nothing has been built: read this file, then run it yourself, for example
--     psql --set ON_ERROR_STOP=1 --file THIS_FILE DATABASE
-- not inside a transaction: CREATE INDEX CONCURRENTLY refuses that.
--
-- Each build waits for every transaction of the database that is older than itself. Look for old ones first:
--     SELECT pid, xact_start, state, left(query, 60) FROM pg_stat_activity
--     WHERE xact_start < now() - interval '1 minute' ORDER BY xact_start;
-- A build that is cut off leaves an INVALID index, which costs writers and serves nobody: no limits here.
-- Should one be left, its rollback line removes it; then run the statement again.

SET lock_timeout = 0;
SET statement_timeout = 0;
"""


def render(report: IndexReport) -> str:
    """Statements that build the recommended indexes; hypotheses stand in comments."""
    parts = [
        _HEAD.format(
            headline=_comment(headline(report)),
            database=_comment(report.database),
            moment=moment(report.created_at),
        )
    ]
    parts += [_recommended(item) for item in report.recommendations]
    if report.hypotheses:
        lines = ["-- Hypotheses: nobody could price these. Try them on a copy first."]
        for hypothesis in report.hypotheses:
            lines.append(f"-- {_comment(hypothesis.reason)}")
            if hypothesis.needs:
                lines.append(f"--     CREATE EXTENSION {hypothesis.needs};")
            lines.append(f"--     {_comment(hypothesis.ddl)};")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _recommended(item: Recommendation) -> str:
    schema = item.relation.rsplit(".", 1)[0]
    lines = [
        f"-- {item.name}: {in_words(item.size)}, saves {share(item.saved)}, confidence {item.confidence}.",
        *(f"-- {_comment(note)}." for note in item.notes),
        f"-- Rollback: DROP INDEX CONCURRENTLY IF EXISTS {schema}.{quote(item.name)};",
    ]
    if not item.partitions:
        return "\n".join([*lines, f"{item.ddl};", ""])
    # A partitioned table takes no CONCURRENTLY: the parent's index stays invalid until each partition's is
    # attached.
    body = item.ddl.split(" ON ", 1)[1]
    keys = body[len(item.relation) :]
    lines.append(f"CREATE INDEX {quote(item.name)} ON ONLY {item.relation}{keys};")
    for number, partition in enumerate(item.partitions, 1):
        name = f"{item.name[:58]}_{number}"
        home = partition.rsplit(".", 1)[0]
        lines.append(f"CREATE INDEX CONCURRENTLY {quote(name)} ON {partition}{keys};")
        lines.append(f"ALTER INDEX {schema}.{quote(item.name)} ATTACH PARTITION {home}.{quote(name)};")
    return "\n".join([*lines, ""])


def _comment(text: str) -> str:
    """A text that cannot end its comment line."""
    return " ".join(text.split())
