"""Who blocks whom in a database: evidence for incidents of sessions and pools that stand still."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from observer.deadlines import Deadline, cut_off
from observer.errors import NotPermitted
from observer.incidents.model import Evidence
from observer.redact import cut, redact_statement
from observer.reports.concerns import LOCKS, concerns
from observer.slack.text import duration
from observer.targets.postgres import PostgresSession

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from observer.incidents.model import Incident
    from observer.targets.postgres import PostgresAddress

SECONDS = 5.0
"""Most that one server is asked."""

CAUSES = 3
"""Sessions at the head of a queue that are told."""

TOLD = 8
"""Rows of the table."""

_BLOCKS = " blocks "
_QUERY = files(__package__).joinpath("blocked.sql").read_bytes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session that waits for a lock, or that others wait for.

    Args:
        blockers: Process ids of those that it waits for; 0 stands for a prepared transaction.
        state: As in pg_stat_activity.
        transaction: Seconds that its transaction has been open; ``None`` when there is none.
        since: Seconds in this state; of a statement that runs, since its start.
        waits_for: Kind of the lock, or the relation where there is one.
        statement: The one that runs, or the last one; redacted.
    """

    pid: int
    blockers: tuple[int, ...]
    database: str
    user: str
    application: str
    state: str
    transaction: float | None
    since: float | None
    waits_for: str
    statement: str

    @property
    def who(self) -> str:
        """Its application, or else its user."""
        return self.application or self.user or "a background process"


_PREPARED = Session(
    pid=0,
    blockers=(),
    database="",
    user="",
    application="a prepared transaction",
    state="prepared",
    transaction=None,
    since=None,
    waits_for="",
    statement="",
)
"""Stands for all of them: the server says that one blocks, but not which."""


def ask(session: PostgresSession, deadline: Deadline) -> list[Session]:
    """The sessions that wait for a lock and those that they wait for.

    Raises:
        ObserverError: The server does not answer, or refuses.
    """
    found = [
        Session(
            pid=pid,
            blockers=tuple(dict.fromkeys(blockers)),
            database=database,
            user=user,
            application=application,
            state=state,
            transaction=transaction,
            since=since,
            waits_for=f"{kind} {relation}".strip(),
            statement=redact_statement(statement),
        )
        for (
            pid, blockers, database, user, application, state, transaction, since, kind, relation, statement,
        ) in session.rows(_QUERY, deadline=deadline)
    ]  # fmt: skip
    if not found and not session.facts(deadline).reads_statistics:
        raise NotPermitted(
            f"what other sessions wait for is hidden from the role of {session.address.shown}",
            remedy="Grant the role pg_monitor: GRANT pg_monitor TO observer;",
        )
    return [*found, _PREPARED] if any(0 in one.blockers for one in found) else found


def causes(sessions: Iterable[Session]) -> list[tuple[Session, int]]:
    """Those that block and wait for nobody, with how many wait for each, through others too."""
    known = {session.pid: session for session in sessions}
    behind: dict[int, set[int]] = {pid: set() for pid in known}
    for session in known.values():
        seen: set[int] = set()
        ahead = list(session.blockers)
        while ahead:
            pid = ahead.pop()
            if pid in seen or pid not in known:
                continue
            seen.add(pid)
            behind[pid].add(session.pid)
            ahead += known[pid].blockers
    heads = [(known[pid], len(waiting)) for pid, waiting in behind.items() if waiting]
    roots = [(head, count) for head, count in heads if not head.blockers]
    # In a ring, which the server's deadlock check is about to break, everybody waits.
    return sorted(roots or heads, key=lambda pair: (-pair[1], pair[0].pid))


def to_evidence(sessions: Sequence[Session]) -> Evidence | None:
    """Who is to blame, in sentences, and the queue as a table; ``None`` when nobody waits."""
    found = causes(sessions)
    if not found:
        return None
    head, count = found[0]
    others = f" and {len(found) - 1} more" if len(found) > 1 else ""
    pid = f" (pid {head.pid})" if head.pid else ""
    title = f"{head.who}{pid}{others}{_BLOCKS}{_sessions(count)}"
    blame = [_blame(session, count) for session, count in found[:CAUSES]]
    calls = " ".join(_end(session) for session, _ in found[:CAUSES])
    heads = {session.pid for session, _ in found}
    queue = [session for session, _ in found] + [s for s in sessions if s.blockers and s.pid not in heads]
    return Evidence(
        title=title,
        sentences=(*blame, f"If it may be ended: {calls}"),
        columns=("pid", "who", "state", "for", "waits for", "statement"),
        rows=tuple(_row(session) for session in queue[:TOLD]),
    )


class BlockedSessions:
    """Evidence from the servers themselves, at the time of the alert.

    Args:
        addresses: Of the PostgreSQL targets, by name.
        lock_timeout: Most seconds that a question of ours waits for a lock.
        seconds: How long a server may take.
    """

    def __init__(
        self, addresses: dict[str, PostgresAddress], *, lock_timeout: float = 0.1, seconds: float = SECONDS
    ) -> None:
        self._addresses = addresses
        self._lock_timeout = lock_timeout
        self._seconds = seconds

    def evidence(self, incident: Incident) -> Evidence | None:
        """Who blocks whom now; what was said before when that is over, ``None`` when there was nothing.

        Raises:
            ObserverError: A server does not answer, or refuses.
        """
        if not concerns(incident, LOCKS):
            return None
        labels = [member.alert.labels for member in incident.members.values()]
        before = incident.evidence
        # A lock that is gone still explains what happened: its words stay.
        said = before if before is not None and _BLOCKS in before.title else None
        if not incident.open:
            return said
        named = {one.get("target", "") for one in labels}
        chosen = {n: a for n, a in self._addresses.items() if n in named} or self._addresses
        for name, address in chosen.items():
            found = to_evidence(self._asked(name, address))
            if found is not None:
                return found
        return said

    def _asked(self, name: str, address: PostgresAddress) -> list[Session]:
        # Over a connection that lasts no longer than the question: the exporter's own belongs to its thread.
        session = PostgresSession(address, statement_timeout=self._seconds, lock_timeout=self._lock_timeout)
        deadline = Deadline(self._seconds, f"asking {name} who blocks whom")
        try:
            with cut_off(deadline, session.abort):
                return ask(session, deadline)
        finally:
            session.close()


def _end(session: Session) -> str:
    if session.pid:
        return f"SELECT pg_terminate_backend({session.pid});"
    return "ROLLBACK PREPARED with its gid, see SELECT * FROM pg_prepared_xacts;"


def _blame(session: Session, count: int) -> str:
    doing = session.state or "running"
    span = f" for {duration(session.since)}" if session.since is not None else ""
    if session.transaction is not None and duration(session.transaction) != duration(session.since or 0.0):
        span += f", its transaction open for {duration(session.transaction)}"
    last = "its last statement" if session.state.startswith("idle") else "its statement"
    said = f"; {last}: {cut(session.statement, 200)}" if session.statement else ""
    pid = f"pid {session.pid} of " if session.pid else ""
    return f"{pid}{session.who} holds up {_sessions(count)}: {doing}{span}{said}"


def _row(session: Session) -> tuple[str, ...]:
    return (
        str(session.pid or "-"),
        session.who,
        session.state if not session.blockers else "waits",
        duration(session.since) if session.since is not None else "",
        session.waits_for if session.blockers else "",
        cut(session.statement, 120),
    )


def _sessions(count: int) -> str:
    return "1 session" if count == 1 else f"{count} sessions"
