"""The job that advises on indexes: the kept workload goes to a child, and what it finds is kept."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.conninfo import make_conninfo

from observer.advisor.counts import leading
from observer.advisor.report import from_document
from observer.errors import NotAvailable, NotPermitted, ObserverError
from observer.jobs.child import ask_child
from observer.jobs.job import Done, Interrupted
from observer.jobs.statements import read_texts
from observer.jobs.turns import fair_share, in_turn, summed_up
from observer.reports.advised import as_by_now, note_advice
from observer.reports.changes import changes, in_words
from observer.reports.indexes.words import headline
from observer.reports.kept import INDEXES, Reports, keep

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection

    from observer.advisor.counts import Counts
    from observer.advisor.history import Span
    from observer.advisor.report import IndexReport
    from observer.clock import Clock
    from observer.exporter.postgres.databases import Database
    from observer.jobs.job import Run
    from observer.jobs.samples import StatementSampler
    from observer.reports.changes import Built
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
    """What the advisor may take in one run; see the settings of the same names."""

    window: float
    budget: str
    max_width: int
    deadline: float
    sample_dsn: str = ""
    weigh: str = "time"


class IndexAdvice:
    """Advises on the databases of one target, one after the other."""

    def __init__(self, *, sampler: StatementSampler, bounds: Bounds, store: Store, clock: Clock) -> None:
        self._sampler = sampler
        self._bounds = bounds
        self._store = store
        self._clock = clock
        self._reports = Reports(store=store)
        self._tried: dict[str, float] = {}

    def work(self, run: Run) -> Done:
        """The job."""
        with self._sampler.alone():
            return self._work(run)

    def _work(self, run: Run) -> Done:
        sampler = self._sampler
        with sampler.session(run) as (session, deadline):
            databases = sampler.sample(session, deadline).databases
        workloads = self._workloads(databases)
        if not workloads:
            return Done("no statement was executed since the first sample")
        waiting = in_turn(workloads, self._last_turns())
        outcomes: dict[str, Done | ObserverError] = {}
        whole = self._bounds.deadline
        end = time.monotonic() + whole
        while waiting:
            seconds = fair_share(end - time.monotonic(), len(waiting), whole=whole)
            if seconds is None:
                break
            name = waiting.pop(0)
            self._tried[name] = self._clock.now()
            try:
                done = self._advise(run, *workloads[name], seconds)
            except Interrupted:
                raise
            except ObserverError as fault:
                outcomes[name] = fault
            else:
                if done is not None:
                    outcomes[name] = done
        return summed_up(outcomes, waiting=len(waiting))

    def _workloads(self, databases: Iterable[Database]) -> dict[str, tuple[Database, Span]]:
        """What was executed in each, of those where anything was."""
        since = self._clock.now() - self._bounds.window
        found = {}
        for one in databases:
            span = self._sampler.history.since(self._sampler.target, one.name, since)
            if span is not None:
                counts = as_by_now(span.counts, self._built(one.name, since))
                if counts:
                    found[one.name] = one, replace(span, counts=counts)
        return found

    def _built(self, database: str, since: float) -> list[Built]:
        """The advised indexes that came to stand since a moment, with what they brought."""
        history, target = self._sampler.history, self._sampler.target

        def counted_after(moment: float) -> Mapping[int, Counts]:
            after = history.since(target, database, moment, wholly=True)
            return after.counts if after else {}

        return self._sampler.advised.built(database, since, counted_after)

    def _last_turns(self) -> dict[str, float]:
        newest = self._reports.newest_of_each(INDEXES)
        made = {one.database: one.made_at for one in newest if one.target == self._sampler.target}
        return made | {name: max(at, made.get(name, 0.0)) for name, at in self._tried.items()}

    def _advise(self, run: Run, database: Database, span: Span, seconds: float) -> Done | None:
        """Advise on one database; None when there is nothing to say of it."""
        sampler, name = self._sampler, database.name
        if database.locked:
            # A backend would wait for the lock before it knows of any time-out.
            raise NotAvailable(
                f"a table of the catalogue of database {name} is locked exclusively",
                remedy="Wait for the VACUUM FULL, REINDEX or CLUSTER of a pg_catalog table in it to end.",
            )
        began = time.monotonic()
        with sampler.session(run) as (session, deadline):
            queryids = leading(span.counts, MOST_STATEMENTS, self._bounds.weigh)
            texts = read_texts(session, name, queryids, deadline=deadline)
        # A slow answer costs the child time, but never its chance.
        seconds = max(seconds - (time.monotonic() - began), seconds / 2)
        # The connection is closed by now: the role may have four in all, and the advisor takes two.
        answer = ask_child(
            MODULE,
            request_of(self._dsn(name), span, texts, replace(self._bounds, deadline=seconds)),
            what=f"index advice for {sampler.target}, database {name},",
            seconds=seconds,
            stop=run.stop,
            say=lambda line: run.say(f"{name}: {line}"),
        )
        report = from_document(answer["report"])
        blind = nothing_priced(report, role=sampler.address.parameters.get("user", "observer"))
        if blind is not None:
            # Kept, it would read as if all that was advised before were resolved.
            raise blind
        former = self._reports.newest(INDEXES, sampler.target, name)
        if not database.here and former is None and _says_nothing(report):
            return None
        # One that was built while the advisor ran is missing from its advice for that reason alone. Should
        # the server be gone by now, the report is still worth keeping.
        with suppress(ObserverError), sampler.session(run, name) as (session, deadline):
            sampler.notice_built(session, name, deadline)
        kept = self._keep(name, report, span.counts, former)
        return Done(f"{headline(report)} ({in_words(kept)})", without_hypopg(report))

    def _dsn(self, database: str) -> str:
        address = self._sampler.address.to(database)
        password = address.password()
        return make_conninfo("", **address.parameters, **({"password": password} if password else {}))

    def _keep(
        self, database: str, report: IndexReport, counts: Mapping[int, Counts], former: KeptReport | None
    ) -> dict[str, Any]:
        target = self._sampler.target
        before = _readable(former)
        built = self._built(database, report.created_at - BUILT_SHOWN)
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
                database=database,
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
        "weigh": bounds.weigh,
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


def _says_nothing(report: IndexReport) -> bool:
    """Whether its workload held no statement that advice could be for, such as questions to the catalogue."""
    return not (report.statements or report.unpriced or report.hypotheses)


def _readable(former: KeptReport | None) -> IndexReport | None:
    if former is None:
        return None
    try:
        return from_document(former.document)
    except (ValueError, KeyError, TypeError):
        return None  # kept by another version: nothing can be compared
