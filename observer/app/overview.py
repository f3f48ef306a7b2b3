"""Beside the targets: incidents, what advice brought, scheduled work and the store, as values for pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from observer.app.schedule import schedule_status
from observer.errors import ObserverError
from observer.incidents import words
from observer.reports.brought import brought, milliseconds
from observer.reports.changes import in_words
from observer.reports.kept import INDEXES, Reports

if TYPE_CHECKING:
    from collections.abc import Iterable

    from observer.app.persistence import Persistence
    from observer.app.schedule import Schedule
    from observer.app.telling import Telling
    from observer.clock import Clock
    from observer.incidents.model import Incident
    from observer.reports.kept import Listed

ENDED_SHOWN = 3
"""Incidents that are over and still shown."""

STATEMENTS_SHOWN = 5
GONE_AFTER = 14 * 86_400.0
"""Seconds that a database is shown although only others of its target had newer reports."""


class Overview:
    """Reads what the start page tells beside the targets. What cannot be read is left out, and never a fault.

    Args:
        telling: None where nobody is to be told.
        bound: Bytes that the store may use.
    """

    def __init__(
        self,
        *,
        schedule: Schedule,
        persistence: Persistence,
        telling: Telling | None,
        clock: Clock,
        bound: int,
    ) -> None:
        self._schedule = schedule
        self._persistence = persistence
        self._telling = telling
        self._clock = clock
        self._bound = bound

    def document(self) -> dict[str, Any]:
        """The keys ``slack``, ``incidents``, ``advice``, ``store`` and ``jobs``. May wait for the store."""
        return {
            "slack": self._slack(),
            "incidents": self._incidents(),
            "advice": self._advice(),
            **schedule_status(self._schedule, self._persistence, self._clock, bound=self._bound),
        }

    def _slack(self) -> dict[str, Any] | None:
        if self._telling is None:
            return None
        fault = self._telling.token_fault()
        told: dict[str, Any] = {
            "channel": self._telling.channel,
            "pending": 0,
            "refused": 0,
            "reason": "",
            "fault": None
            if fault is None
            else {"code": fault.code, "what": fault.sentence, "remedy": fault.remedy},
        }
        try:
            backlog, dead = self._telling.backlog(), self._telling.dead()
        except ObserverError:
            return told
        return told | {
            "pending": backlog.pending,
            "refused": backlog.dead,
            "reason": dead[0].reason if dead else "",
        }

    def _incidents(self) -> list[dict[str, Any]]:
        if self._telling is None:
            return []
        try:
            found = [incident for incident, _ in self._telling.recent(ENDED_SHOWN + 20)]
        except ObserverError:
            return []
        ended = [one for one in found if not one.open][:ENDED_SHOWN]
        now = self._clock.now()
        return [_incident(one, now) for one in [i for i in found if i.open] + ended]

    def _advice(self) -> list[dict[str, Any]]:
        store = self._persistence.opened
        if store is None:
            return []
        try:
            newest = Reports(store=store).newest_of_each(INDEXES)
        except ObserverError:
            return []
        now = self._clock.now()
        return [_advised(one, now) for one in current(newest)]


def current(newest: Iterable[Listed]) -> list[Listed]:
    """Without those of databases that are gone, by the look of it: others of the target had reports since.

    Args:
        newest: The newest report of each target and database.
    """
    newest = list(newest)
    last: dict[str, float] = {}
    for one in newest:
        last[one.target] = max(last.get(one.target, 0.0), one.made_at)
    return [one for one in newest if one.made_at >= last[one.target] - GONE_AFTER]


def _incident(one: Incident, now: float) -> dict[str, Any]:
    since = min((m.alert.starts_at for m in one.members.values()), default=one.opened_at)
    return {
        "id": one.id,
        "open": one.open,
        "severity": one.severity.name.lower(),
        "name": words.name(one),
        "about": words.about(one),
        "summary": words.summary(one),
        "evidence": one.evidence.title if one.evidence is not None else "",
        "age": round(max(0.0, now - since), 3),
        "ended": round(max(0.0, now - one.resolved_at), 3) if one.resolved_at is not None else None,
    }


def _advised(one: Listed, now: float) -> dict[str, Any]:
    told = brought(one.changes)
    return {
        "target": one.target,
        "database": one.database,
        "report": one.id,
        "age": round(max(0.0, now - one.made_at), 3),
        "headline": one.headline,
        "changes": in_words(one.changes),
        "brought": told.sentence() if told is not None else "",
        "statements": [
            {
                "queryid": served.queryid,
                "text": served.text,
                "mean_before_ms": served.before,
                "mean_after_ms": served.after,
                "calls_after": served.calls,
                "said": f"{milliseconds(served.before)} → {milliseconds(served.after)}",
                "factor": served.factor(),
                "left": round(served.left, 4),
            }
            for served in (told.statements if told is not None else ())[:STATEMENTS_SHOWN]
        ],
    }
