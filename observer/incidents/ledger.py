"""Incidents in the store: loaded whole, saved by what changed, in the caller's transaction."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from observer.incidents.model import Alert, Evidence, Incident, Member, Severity
from observer.incidents.tables import delivery, incident, incident_alert, incident_key
from observer.store.retention import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection, RowMapping

    from observer.incidents.model import Notice

BOUND_VALUES = 5_000
"""Values in one IN list; SQLite takes 32,766."""

DAY = 86_400.0


_PUT_ALERT = insert(incident_alert)
_PUT_ALERT = _PUT_ALERT.on_conflict_do_update(
    index_elements=["incident_id", "fingerprint"],
    set_={c.name: _PUT_ALERT.excluded[c.name] for c in incident_alert.c if not c.primary_key},
)


def concerned(connection: Connection, notice: Notice) -> list[Incident]:
    """The open incident of the notice's group, and those that have its alerts or had them last."""
    by_key = (
        select(incident_key.c.incident_id)
        .join(incident, incident.c.id == incident_key.c.incident_id)
        .where(incident_key.c.group_key == notice.group_key, incident.c.resolved_at.is_(None))
    )
    ids = set(connection.execute(by_key).scalars())
    for part in _parts([alert.fingerprint for alert in notice.alerts]):
        last = (
            select(func.max(incident_alert.c.incident_id))
            .where(incident_alert.c.fingerprint.in_(part))
            .group_by(incident_alert.c.fingerprint)
        )
        ids |= set(connection.execute(last).scalars())
        # An alert that came back may live in an open incident older than the one it was last new in.
        still = (
            select(incident_alert.c.incident_id)
            .join(incident, incident.c.id == incident_alert.c.incident_id)
            .where(incident_alert.c.fingerprint.in_(part), incident.c.resolved_at.is_(None))
        )
        ids |= set(connection.execute(still).scalars())
    return load(connection, ids)


def unsettled(connection: Connection) -> list[Incident]:
    """The open incidents, and closed ones with an alert whose end is contested."""
    contested = select(incident_alert.c.incident_id).where(incident_alert.c.contested_at.is_not(None))
    rows = select(incident.c.id).where(or_(incident.c.resolved_at.is_(None), incident.c.id.in_(contested)))
    return load(connection, set(connection.execute(rows).scalars()))


def recent(connection: Connection, limit: int) -> list[Incident]:
    """Open incidents first, then those that ended last."""
    rows = (
        select(incident.c.id)
        .order_by(incident.c.resolved_at.is_not(None), incident.c.resolved_at.desc(), incident.c.id.desc())
        .limit(limit)
    )
    order = list(connection.execute(rows).scalars())
    found = {one.id: one for one in load(connection, set(order))}
    return [found[number] for number in order]


def load(connection: Connection, ids: set[int]) -> list[Incident]:
    """The incidents with these ids, in their order."""
    members: dict[int, dict[str, Member]] = {number: {} for number in ids}
    keys: dict[int, set[str]] = {number: set() for number in ids}
    rows: list[RowMapping] = []
    for part in _parts(sorted(ids)):
        rows += connection.execute(select(incident).where(incident.c.id.in_(part))).mappings()
        chosen = select(incident_alert).where(incident_alert.c.incident_id.in_(part))
        for row in connection.execute(chosen).mappings():
            members[row["incident_id"]][row["fingerprint"]] = _member(row)
        chosen_keys = select(incident_key).where(incident_key.c.incident_id.in_(part))
        for row in connection.execute(chosen_keys).mappings():
            keys[row["incident_id"]].add(row["group_key"])
    return [_incident(row, members[row["id"]], keys[row["id"]]) for row in rows]


def save(connection: Connection, after: Incident, before: Incident | None) -> Incident:
    """Store an incident; only rows that differ from ``before`` are written. Returns it with its id."""
    values = {
        "receiver": after.receiver,
        "external_url": after.external_url,
        "group_labels": json.dumps(after.group_labels),
        "severity": int(after.severity),
        "truncated": after.truncated,
        "opened_at": after.opened_at,
        "changed_at": after.changed_at,
        "seen_at": after.seen_at,
        "resolved_at": after.resolved_at,
    }
    if before is None:
        result = connection.execute(insert(incident).values(values))
        after = replace(after, id=int(result.lastrowid))
    else:
        connection.execute(update(incident).where(incident.c.id == after.id).values(values))
    old_keys = frozenset() if before is None else before.group_keys
    for key in after.group_keys - old_keys:
        row = insert(incident_key).values(group_key=key, incident_id=after.id)
        connection.execute(
            row.on_conflict_do_update(index_elements=["group_key"], set_={"incident_id": after.id})
        )
    old = {} if before is None else before.members
    changed = [m for f, m in after.members.items() if old.get(f) is not m and old.get(f) != m]
    if changed:
        connection.execute(_PUT_ALERT, [_alert_row(after.id, member) for member in changed])
    return after


def save_evidence(connection: Connection, number: int, evidence: Evidence | None, now: float) -> None:
    """Store what is to be told in an incident's thread."""
    text = None if evidence is None else json.dumps(asdict(evidence))
    connection.execute(update(incident).where(incident.c.id == number).values(evidence=text, evidence_at=now))


def evidence_due(connection: Connection, *, before: float) -> list[Incident]:
    """Incidents whose evidence is older than their last change, or, while open, than a Unix time."""
    stale = or_(
        incident.c.evidence_at.is_(None),
        incident.c.evidence_at < incident.c.changed_at,
        (incident.c.evidence_at < before) & incident.c.resolved_at.is_(None),
    )
    # A closed incident gets its last word within a day of its end, and is then left in peace.
    alive = or_(incident.c.resolved_at.is_(None), incident.c.resolved_at > before - DAY)
    order = (incident.c.severity.desc(), incident.c.id)
    rows = select(incident.c.id).where(stale, alive).order_by(*order).limit(50)
    return load(connection, set(connection.execute(rows).scalars()))


def open_keys(connection: Connection, prefix: str) -> list[Incident]:
    """The open incidents whose group key begins with a prefix."""
    rows = (
        select(incident.c.id)
        .join(incident_key, incident_key.c.incident_id == incident.c.id)
        .where(incident.c.resolved_at.is_(None), incident_key.c.group_key.startswith(prefix, autoescape=True))
    )
    return load(connection, set(connection.execute(rows).scalars()))


def _prune(connection: Connection, before: float) -> int:
    """Incidents that ended before a time and whose last word has been delivered or given up."""
    waiting = select(delivery.c.incident_id).where(delivery.c.state.in_(("pending", "attempting")))
    old = select(incident.c.id).where(incident.c.resolved_at < before, incident.c.id.not_in(waiting))
    for table in (delivery, incident_alert, incident_key):
        connection.execute(delete(table).where(table.c.incident_id.in_(old)))
    return connection.execute(delete(incident).where(incident.c.id.in_(old))).rowcount


RULE = Rule(name="incidents", keep=90 * DAY, floor=DAY, prune=_prune)


def _parts(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), BOUND_VALUES):
        yield values[start : start + BOUND_VALUES]


def _member(row: RowMapping) -> Member:
    return Member(
        alert=Alert(
            fingerprint=row["fingerprint"],
            firing=row["firing"],
            labels=json.loads(row["labels"]),
            annotations=json.loads(row["annotations"]),
            starts_at=row["starts_at"],
            ends_at=row["ends_at"],
            generator_url=row["generator_url"],
        ),
        ending=row["ending"],
        ended_seen_at=row["ended_seen_at"],
        missing_since=row["missing_since"],
        contested_at=row["contested_at"],
    )


def _alert_row(number: int, member: Member) -> dict[str, Any]:
    return {
        "incident_id": number,
        "fingerprint": member.alert.fingerprint,
        "firing": member.alert.firing,
        "ending": member.ending,
        "starts_at": member.alert.starts_at,
        "ends_at": member.alert.ends_at,
        "ended_seen_at": member.ended_seen_at,
        "missing_since": member.missing_since,
        "contested_at": member.contested_at,
        "labels": json.dumps(member.alert.labels),
        "annotations": json.dumps(member.alert.annotations),
        "generator_url": member.alert.generator_url,
    }


def _incident(row: RowMapping, members: dict[str, Member], keys: Iterable[str]) -> Incident:
    return Incident(
        id=row["id"],
        group_keys=frozenset(keys),
        receiver=row["receiver"],
        external_url=row["external_url"],
        group_labels=json.loads(row["group_labels"]),
        severity=Severity(row["severity"]),
        truncated=row["truncated"],
        opened_at=row["opened_at"],
        changed_at=row["changed_at"],
        seen_at=row["seen_at"],
        resolved_at=row["resolved_at"],
        members=members,
        evidence=_evidence(row["evidence"]),
    )


def _evidence(text: str | None) -> Evidence | None:
    return None if text is None else _evidence_of(json.loads(text))


def _evidence_of(data: dict[str, Any]) -> Evidence:
    return Evidence(
        title=data["title"],
        sentences=tuple(data["sentences"]),
        columns=tuple(data["columns"]),
        rows=tuple(tuple(row) for row in data["rows"]),
        # Evidence of earlier versions stands alone.
        then=_evidence_of(data["then"]) if data.get("then") else None,
    )
