"""One run: connect, read, prepare, search, check, report. The edge of this room."""

from __future__ import annotations

import resource
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import postgast
import psycopg
from psycopg import sql

from observer.advisor import facts
from observer.advisor.budget import parse_budget
from observer.advisor.candidates.candidate import Limits
from observer.advisor.candidates.foreign_keys import foreign_keys
from observer.advisor.connection import connect, hypopg_missing, installed_hypopg
from observer.advisor.constants import with_constants
from observer.advisor.facts.reader import read_schema
from observer.advisor.model import Rules
from observer.advisor.names import quote
from observer.advisor.outcome import Outcome
from observer.advisor.precedence import in_order
from observer.advisor.preparation import Preparation, prepare
from observer.advisor.pricing import Pricing
from observer.advisor.recommend import compose
from observer.advisor.refill import thrifty_and_refilled
from observer.advisor.sampled.verification import verify
from observer.advisor.sightings import sightings
from observer.advisor.thrift import ON_LUCK, on_luck
from observer.advisor.tuning import Tuning
from observer.advisor.visibility import restless
from observer.advisor.whatif import Session
from observer.advisor.workload import Entry, Workload, from_file, from_samples, leading_part, weighed
from observer.advisor.writes import write_rates
from observer.deadlines import Deadline
from observer.errors import NotAvailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from observer.advisor.report import IndexReport
    from observer.advisor.request import Request
    from observer.advisor.schema import Schema

_SESSIONS = 2
_MOST_BANS = 3
"""Searches that follow on one whose answer counted on luck."""
_LEADING_SHARE = 0.999
_SEARCH_SHARE = 0.85
"""Of the deadline: the rest is for checking the set and writing the report."""
_LONGEST = 0.6
"""Of that rest: what one question may take at most."""
_SHORTEST = 0.1
_BEAT = 0.5

_SHARE_WITH_SAMPLES = 0.5
"""The same where hypotheses are then tried on samples."""


def advise(
    request: Request,
    *,
    say: Callable[[str], None] = lambda _: None,
    beat: Callable[[float, int], None] = lambda *_: None,
) -> IndexReport:
    """Advise on one database.

    Args:
        request: Which database, which workload, within which bounds.

        say: Told in one line each what goes on.

        beat: Told twice a second the seconds that have passed and how often the planner was asked.

    Raises:
        ObserverError: The database cannot be reached or read, or the request is malformed. What concerns
        single
            statements or indexes is in the report instead.
    """
    return _Run(request, say, beat).run()


@dataclass(slots=True)
class _Run:
    request: Request
    say: Callable[[str], None]
    beat: Callable[[float, int], None]
    sessions: list[Session] = field(default_factory=list)
    deadline: Deadline = field(init=False)
    begun: float = field(init=False)
    next_beat: float = 0.0

    def __post_init__(self) -> None:
        self.begun = time.monotonic()
        self.deadline = Deadline(self.request.deadline, "index advice")

    def run(self) -> IndexReport:
        with ExitStack() as stack:
            first = self._connect(stack)
            hypopg = installed_hypopg(first)
            whole = self._workload(first)
            workload, left_share = leading_part(whole, _LEADING_SHARE, self.request.most_statements)
            workload = self._with_constants(first, workload)
            self.say(f"{len(workload.statements)} statements from {workload.source}")
            schema = read_schema(first, _mentioned(workload))
            budget = parse_budget(self.request.budget, schema.size)
            limits = Limits(self.request.max_width, self.request.partial, self.request.include)
            self._open(stack, first, hypopg, schema)
            rates = write_rates((*whole.statements, *whole.loads), whole.seconds, schema)
            preparation = prepare(
                workload.statements,
                schema,
                self.sessions[0],
                limits,
                restless=frozenset(
                    name for name, rate in rates.items() if restless(schema.relations[name], rate)
                ),
                go_on=self._time_left,
            )
            self.say(f"{len(preparation.prepared)} statements priced as things stand")
            outcome = Outcome(
                request=self.request,
                workload=workload,
                left_out=len(whole.statements) - len(workload.statements),
                left_share=left_share,
                schema=schema,
                budget=budget,
                preparation=preparation,
                hypopg=hypopg[0] if hypopg else "",
                database=str(first.info.dbname),
                foreign=tuple(foreign_keys(schema)),
                rates=rates,
            )
            if hypopg is None:
                missing = hypopg_missing()
                outcome.nothing_because = f"{missing.sentence}. To mend it: {missing.remedy}"
                outcome.hypotheses_of_all(workload, schema, limits)
            elif preparation.prepared:
                for _ in range(_SESSIONS - 1):
                    self._open(stack, self._connect(stack), hypopg, schema)
                self._tune(outcome, stack, preparation)
            if self.request.sample_dsn:
                outcome.verified = verify(
                    outcome.open_hypotheses(),
                    outcome.tuned.chosen if outcome.tuned else (),
                    schema,
                    first,
                    self.request.sample_dsn,
                    most_seconds=0.9 * self.deadline.left(),
                    most_bytes=self.request.sample_bytes,
                    say=self.say,
                )
            outcome.explains = sum(session.explained for session in self.sessions)
            outcome.seconds = time.monotonic() - self.begun
            outcome.peak_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            return compose(outcome)

    def _connect(self, stack: ExitStack) -> psycopg.Connection[Any]:
        connection = connect(
            self.request.dsn, self.deadline, statement_timeout=self.request.statement_timeout
        )
        stack.callback(connection.close)
        return connection

    def _in_time(self) -> bool:
        self._tell()
        return self.deadline.left() > 0

    def _tell(self) -> None:
        now = time.monotonic()
        if now >= self.next_beat:
            self.next_beat = now + _BEAT
            self.beat(now - self.begun, sum(session.explained for session in self.sessions))

    def _time_left(self) -> bool:
        self._tell()
        share = _SHARE_WITH_SAMPLES if self.request.sample_dsn else _SEARCH_SHARE
        return self.deadline.left() > self.request.deadline * (1 - share)

    def _open(
        self,
        stack: ExitStack,
        connection: psycopg.Connection[Any],
        hypopg: tuple[str, str] | None,
        schema: Schema,
    ) -> None:
        session = Session(
            connection,
            hypopg=hypopg[0] if hypopg else None,
            schema=hypopg[1] if hypopg else "public",
            version=schema.server_version,
            rows_of=cache(schema.rows_of),
        )
        stack.callback(session.close)
        path = ", ".join(quote(name) for name in schema.search_path)
        connection.execute("SELECT pg_catalog.set_config('search_path', %s, false)", (path,))
        # A question that is asked as time runs out must not outlast what is kept for the report.
        rest = self.request.deadline * (1 - _SEARCH_SHARE)
        longest = min(self.request.statement_timeout, max(_SHORTEST, rest * _LONGEST))
        connection.execute(
            "SELECT pg_catalog.set_config('statement_timeout', %s, false)", (f"{longest * 1000:.0f}",)
        )
        session.hypothetical.add_twins(
            existing
            for relation in sorted(schema.relations.values(), key=lambda relation: -relation.pages)
            for existing in relation.indexes
            if relation.pages
        )
        self.sessions.append(session)

    def _with_constants(self, connection: psycopg.Connection[Any], workload: Workload) -> Workload:
        queryids = [one.queryid for one in workload.statements if one.queryid and "$" in one.text]
        seen = sightings(connection, queryids, version=connection.info.server_version, go_on=self._time_left)
        return replace(workload, statements=with_constants(workload.statements, seen))

    def _workload(self, connection: psycopg.Connection[Any]) -> Workload:
        if self.request.workload is not None:
            return from_file(self.request.workload)
        before, after = self.request.before, self.request.after
        if after is not None:
            old = [entry.entry() for entry in before.entries] if before else []
            new = [entry.entry() for entry in after.entries]
            seconds = after.at - before.at if before else 0.0
            found = from_samples(old, new, seconds, "two samples of pg_stat_statements")
            return weighed(found, self.request.weigh)
        return self._since_reset(connection)

    def _since_reset(self, connection: psycopg.Connection[Any]) -> Workload:
        row = connection.execute(
            "SELECT n.nspname FROM pg_catalog.pg_extension e"
            " JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements'"
        ).fetchone()
        if row is None:
            raise NotAvailable(
                "the extension pg_stat_statements is not installed here, and no workload file is given",
                remedy="add pg_stat_statements to shared_preload_libraries, restart the server and run"
                " CREATE EXTENSION pg_stat_statements; or give a file with --workload",
            )
        text = files(facts).joinpath("statements.sql").read_text(encoding="utf-8")
        schema = sql.Identifier(row[0])
        query = sql.SQL(text).format(statements=sql.SQL("{}.pg_stat_statements").format(schema))
        try:
            rows = connection.execute(query).fetchall()
            since = connection.execute(
                sql.SQL(
                    "SELECT extract(epoch FROM pg_catalog.now() - stats_reset)::double precision"
                    " FROM {}.pg_stat_statements_info"
                ).format(schema)
            ).fetchone()
        except psycopg.errors.ObjectNotInPrerequisiteState as error:
            raise NotAvailable(
                "pg_stat_statements is installed but not loaded",
                remedy="add pg_stat_statements to shared_preload_libraries and restart the server",
            ) from error
        seconds = float(since[0]) if since and since[0] else 0.0
        entries = [Entry(row[0], row[1] or "", *row[2:]) for row in rows]
        found = from_samples([], entries, seconds, "pg_stat_statements since its last reset")
        return weighed(found, self.request.weigh)

    def _tune(self, outcome: Outcome, stack: ExitStack, preparation: Preparation) -> None:
        # What the report speaks of comes first and keeps its numbers; rarer values are further statements to
        # the search.
        prepared = [*preparation.prepared, *preparation.alternates()]
        pricing = Pricing(
            [made.question for made in prepared], [made.shape for made in prepared], self.sessions
        )
        stack.callback(pricing.close)
        pricing.price(((number, 0) for number in range(len(prepared))), self._time_left)
        tuning = Tuning(
            prepared,
            outcome.schema,
            pricing,
            width=self.request.max_width,
            seconds=outcome.workload.seconds if outcome.workload.timed else 0.0,
            rates=outcome.rates,
            size_of=self.sessions[0].hypothetical.sizes if self.request.size_model == "hypopg" else None,
        )
        rules = Rules(outcome.budget, self.request.max_indexes, self.request.least_gain)

        def progress(rounds: int, saved: float, chosen: int) -> None:
            left = 1 - saved / tuning.model.total if tuning.model.total else 1.0
            self.say(f"round {rounds}: {chosen.bit_count()} indexes, {left:.1%} of the cost left")

        tuned = tuning.search(rules, go_on=self._time_left, progress=progress)
        for _ in range(_MOST_BANS):
            lucky = on_luck(tuning, tuned.found.chosen, go_on=self._time_left) if self.request.thrift else []
            if not lucky:
                break
            for number in lucky:
                outcome.spared[pricing.indexes[number]] = ON_LUCK
            # The rest stands as it is; only who has lost an index looks for another one from the beginning.
            luckless = tuned.found.chosen & ~sum(1 << number for number in lucky)
            losers = tuning.model.touched(tuned.found.chosen & ~luckless)
            tuning.ban(lucky)
            tuned = tuning.search(
                rules, start=luckless, anew=losers, go_on=self._time_left, progress=progress
            )
        spare = thrifty_and_refilled(
            tuning,
            outcome.schema,
            tuned.found.chosen,
            rules,
            tolerance=self.request.thrift,
            go_on=self._time_left,
        )
        ordered = in_order(tuning, outcome.schema, spare.chosen, go_on=self._time_left)
        tuned = tuned.with_set(ordered.chosen, pricing.indexes)
        outcome.spared |= spare.spared | ordered.spared
        outcome.tuning, outcome.tuned, outcome.pricing = tuning, tuned, pricing
        outcome.check(self._in_time)


def _mentioned(workload: Workload) -> set[str]:
    names: set[str] = set()
    for statement in workload.statements:
        try:
            tables = list(postgast.extract_tables(postgast.parse(statement.text)))
        except postgast.PgQueryError:
            continue
        names.update(table.rsplit(".", 1)[-1].strip('"') for table in tables)
    return names
