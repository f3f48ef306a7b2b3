"""The index report as a file for psql: what is built, each in a transaction of its own, with its rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.advisor.names import quote
from observer.reports.indexes.words import evidence, headline, in_words, moment, share

if TYPE_CHECKING:
    from observer.advisor.report import IndexReport, Recommendation

_HEAD = """\
-- {headline}.
-- Database {database}, {moment}. Nothing has been built: read this file, then run it yourself:
--     psql --set ON_ERROR_STOP=1 --file THIS_FILE DATABASE
-- not inside a transaction: CREATE INDEX CONCURRENTLY refuses that. The file may be run again: what stands
-- is passed over, and an invalid index of a name below, as a build that was cut off leaves one, goes first.

-- No limits for this session: lock_timeout would also count the wait for older transactions, and a build that
-- is cut off leaves an INVALID index, which costs writers and serves nobody.
SET lock_timeout = 0;
SET statement_timeout = 0;
"""

_OLD_TRANSACTIONS = """
-- Each build waits for every transaction of the database that is older than itself.
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_catalog.pg_stat_activity
        WHERE datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid()
          AND xact_start < pg_catalog.now() - interval '10 minutes'
        UNION ALL
        SELECT FROM pg_catalog.pg_prepared_xacts
        WHERE database = pg_catalog.current_database()
          AND prepared < pg_catalog.now() - interval '10 minutes'
    ) THEN
        RAISE EXCEPTION 'a transaction of this database is older than 10 minutes: builds would wait for it'
            USING HINT = 'Look in pg_stat_activity (xact_start) and pg_prepared_xacts; end it or wait.';
    END IF;
END
$$;
"""

_REMAINS = """\
SELECT 'DROP INDEX CONCURRENTLY {literal}' FROM pg_catalog.pg_index x
WHERE x.indexrelid = pg_catalog.to_regclass('{literal}') AND NOT x.indisvalid
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid = x.indexrelid)
\\gexec
"""

_UNLESS_IT_STANDS = """\
SELECT pg_catalog.to_regclass('{literal}') IS NULL AS lacking
\\gset
\\if :lacking
{statement};
\\else
\\echo {name} stands already
\\endif
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
    if report.recommendations:
        parts.append(_OLD_TRANSACTIONS.lstrip("\n"))
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
    full = f"{schema}.{quote(item.name)}"
    concurrently = item.ddl.startswith("CREATE INDEX CONCURRENTLY ")
    rests = f"confidence {item.confidence}, {evidence(item)}"
    lines = [
        f"-- {item.name}: {in_words(item.size)}, saves {share(item.saved)}, {rests}.",
        *(f"-- {_comment(note)}." for note in item.notes),
        f"-- Rollback: DROP INDEX {'CONCURRENTLY ' if concurrently else ''}IF EXISTS {full};",
        "",
    ]
    head = "\n".join(lines)
    if not item.partitions:
        return head + (_remains(full) if concurrently else "") + _unless_it_stands(full, item.name, item.ddl)
    # A partitioned table takes no CONCURRENTLY: the parent's index stays invalid, which is no remains, until
    # each partition's is attached.
    keys = item.ddl.split(" ON ", 1)[1][len(item.relation) :]
    parts = [
        head,
        _unless_it_stands(full, item.name, f"CREATE INDEX {quote(item.name)} ON ONLY {item.relation}{keys}"),
    ]
    for number, partition in enumerate(item.partitions, 1):
        name = f"{item.name[:58]}_{number}"
        own = f"{partition.rsplit('.', 1)[0]}.{quote(name)}"
        statement = f"CREATE INDEX CONCURRENTLY {quote(name)} ON {partition}{keys}"
        parts += [
            _remains(own),
            _unless_it_stands(own, name, statement),
            f"ALTER INDEX {full} ATTACH PARTITION {own};\n",
        ]
    return "".join(parts)


def _remains(full: str) -> str:
    return _REMAINS.format(literal=full.replace("'", "''"))


def _unless_it_stands(full: str, name: str, statement: str) -> str:
    return _UNLESS_IT_STANDS.format(literal=full.replace("'", "''"), name=name, statement=statement)


def _comment(text: str) -> str:
    """A text that cannot end its comment line."""
    return " ".join(text.split())
