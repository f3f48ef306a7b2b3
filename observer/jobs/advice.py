"""The job that advises on indexes: the kept workload goes to a child, and what it finds is kept."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.conninfo import make_conninfo

from observer.advisor.counts import leading
from observer.advisor.report import from_document
from observer.errors import NotAvailable, NotPermitted, ObserverError
from observer.jobs.child import ask_child
from observer.jobs.job import Done
from observer.jobs.statements import read_texts
from observer.reports.advised import note_advice
from observer.reports.changes import changes, in_words
from observer.reports.indexes.words import headline
from observer.reports.kept import INDEXES, Reports, keep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from observer.advisor.counts import Counts
    from observer.advisor.history import Span
    from observer.advisor.report import IndexReport
    from observer.clock import Clock
    from observer.jobs.job import Run
    from observer.jobs.samples import StatementSampler
    from observer.reports.kept import KeptReport
    from observer.store.store import Store

NAME = "index-advice"
MODULE = "observer.advisor"

MOST_STATEMENTS = 500
BUILT_SHOWN = 30 * 86_400.0
"""Seconds that reports speak of an index after it was built."""

OWN_SHARE = 0.9
"""Of the deadline: the child ends by itself with the best it has, before it is ended with nothing."""

_HYPOPG = (
    "Install its package (Debian: postgresql-15-hypopg), then run in {database}: CREATE EXTENSION hypopg;"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What the advisor may take; see the settings of the same names."""

    window: float
    budget: str
    max_width: int
    deadline: float
    sample_dsn: str = ""


class IndexAdvice:
    """Advises on one target."""

    def __init__(self, *, sampler: StatementSampler, bounds: Bounds, store: Store, clock: Clock) -> None:
        self._sampler = sampler
        self._bounds = bounds
        self._store = store
        self._clock = clock
        self._reports = Reports(store=store)

    def work(self, run: Run) -> Done:
        """The job."""
        sampler, target = self._sampler, self._sampler.target
        with sampler.session(run) as (session, deadline):
            database = sampler.sample(session, deadline).database
            span = sampler.history.since(target, database, self._clock.now() - self._bounds.window)
            if span is None or not span.counts:
                return Done("no statement was executed since the first sample")
            texts = read_texts(session, leading(span.counts, MOST_STATEMENTS), deadline=deadline)
        # The connection is closed by now: the role may have four in all, and the advisor takes two.
        answer = ask_child(
            MODULE,
            request_of(self._dsn(), span, texts, self._bounds),
            what=f"index advice for {target}",
            seconds=self._bounds.deadline,
            stop=run.stop,
            say=run.say,
        )
        report = from_document(answer["report"])
        blind = nothing_priced(report, role=sampler.address.parameters.get("user", "observer"))
        if blind is not None:
            # Kept, it would read as if all that was advised before were resolved.
            raise blind
        # One that was built while the advisor ran is missing from its advice for that reason alone. Should
        # the server be gone by now, the report is still worth keeping.
        with suppress(ObserverError), sampler.session(run) as (session, deadline):
            sampler.notice_built(session, database, deadline)
        kept = self._keep(database, report, span.counts)
        return Done(f"{headline(report)} ({in_words(kept)})", without_hypopg(report))

    def _dsn(self) -> str:
        address = self._sampler.address
        password = address.password()
        return make_conninfo("", **address.parameters, **({"password": password} if password else {}))

    def _keep(self, database: str, report: IndexReport, counts: Mapping[int, Counts]) -> dict[str, Any]:
        sampler, target = self._sampler, self._sampler.target
        former = self._reports.newest(INDEXES, target)
        before = _readable(former)

        def counted_after(moment: float) -> Mapping[int, Counts]:
            after = sampler.history.since(target, database, moment, wholly=True)
            return after.counts if after else {}

        built = sampler.advised.built(database, report.created_at - BUILT_SHOWN, counted_after)
        document = changes(
            before,
            report,
            former_id=former.id if former else None,
            built=built,
            stand={(one.relation, one.name) for one in built},
        )

        def work(connection: Connection) -> None:
            note_advice(connection, target, database, report, counts)
            keep(
                connection,
                kind=INDEXES,
                target=target,
                made_at=report.created_at,
                headline=headline(report),
                document=report.document(),
                changes=document,
            )

        self._store.write(work)
        return document


def request_of(dsn: str, span: Span, texts: Mapping[int, str], bounds: Bounds) -> dict[str, Any]:
    """What the advisor is asked: the statements of a span as the difference of nothing and all of it."""
    entries = [
        {
            "queryid": queryid,
            "text": text,
            "calls": counts.calls,
            "total_ms": counts.total_ms,
            "rows": counts.rows,
        }
        for queryid, text in texts.items()
        if (counts := span.counts.get(queryid)) is not None
    ]
    return {
        "dsn": dsn,
        "before": {"at": span.began, "entries": []},
        "after": {"at": span.ended, "entries": entries},
        "sample_dsn": bounds.sample_dsn,
        "budget": bounds.budget,
        "max_width": bounds.max_width,
        "most_statements": MOST_STATEMENTS,
        "deadline": bounds.deadline * OWN_SHARE,
    }


def without_hypopg(report: IndexReport) -> ObserverError | None:
    """That a report holds hypotheses only, where it does."""
    if report.hypopg:
        return None
    return NotAvailable(
        f"the extension hypopg is not installed in database {report.database}: nothing was priced",
        remedy=_HYPOPG.format(database=report.database),
    )


def nothing_priced(report: IndexReport, *, role: str) -> ObserverError | None:
    """Why not one statement could be priced, where a person can mend that."""
    if not report.hypopg or report.recommendations or report.run.explains or not report.unpriced:
        return None
    said = f"no statement of {report.database} could be priced"
    for item in report.unpriced:
        if "no right to read" in item.reason:
            grantee = sql.Identifier(role).as_string(None)
            return NotPermitted(
                f"{said}: {item.reason}",
                remedy=f"Run as a superuser: GRANT pg_read_all_data TO {grantee};"
                " or SELECT on the tables alone, as observer sql role --explain schema prints it.",
            )
    first = report.unpriced[0]
    return NotAvailable(f"{said}: {first.reason}", remedy=first.remedy)


def _readable(former: KeptReport | None) -> IndexReport | None:
    if former is None:
        return None
    try:
        return from_document(former.document)
    except (ValueError, KeyError, TypeError):
        return None  # kept by another version: nothing can be compared
