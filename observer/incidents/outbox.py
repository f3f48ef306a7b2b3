"""What is to be delivered and what has been: one row for each message, which says how far it got."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from observer.incidents.tables import delivery, incident
from observer.slack.faults import Scope

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection
    from sqlalchemy.engine import RowMapping

MESSAGE = "message"
EVIDENCE = "evidence"
RAISED = "raised-"
"""Parts of an incident: its message, and in its thread the evidence and a word for each rise in severity."""


class State:
    """How far a delivery got."""

    PENDING = "pending"
    """Slack does not show what is wanted."""

    ATTEMPTING = "attempting"
    """A first post may or may not stand in the channel: look before posting."""

    DELIVERED = "delivered"
    """Slack shows what is wanted."""

    DEAD = "dead"
    """Slack refuses it until a person changes something; the reason is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message on its way.

    Args:
        delivery_id: Sent along with the post, so that it can be found again.

        wanted_hash: What it should look like.

        delivered_hash: What it looked like when Slack last took it; empty before that.

        wanted_at: When what is wanted began to differ from what is shown.

        channel: ID of the channel that it stands in; empty until it is posted.

        parent_ts: For a reply, the ts of the incident's message.

        attempted_at: When a post that has no answer was sent.

        late: Seconds between the last change and its delivery.

        reposts: How often it had to be posted anew because it could no longer be edited.
    """

    incident_id: int
    part: str
    delivery_id: str
    state: str
    wanted_hash: str
    delivered_hash: str
    wanted_at: float
    channel: str
    ts: str
    parent_ts: str
    parent_channel: str
    attempted_at: float | None
    posted_at: float | None
    late: float
    possible_duplicates: int
    reposts: int
    reason: str
    severity: int


def want(connection: Connection, number: int, part: str, digest: str, *, now: float) -> None:
    """Say what a part of an incident should look like. Nothing is to be sent when it looks so already."""
    row = connection.execute(
        select(delivery).where(delivery.c.incident_id == number, delivery.c.part == part)
    ).mappings()
    found = row.first()
    if found is None:
        values = {
            "incident_id": number,
            "part": part,
            "delivery_id": uuid.uuid4().hex,
            "state": State.PENDING,
            "wanted_hash": digest,
            "wanted_at": now,
            "delivered_hash": "",
            "channel": "",
            "ts": "",
            "late": 0.0,
            "possible_duplicates": 0,
            "reposts": 0,
            "reason": "",
            "cause": "",
        }
        connection.execute(insert(delivery).values(values))
        return
    if found["wanted_hash"] == digest:
        return
    change: dict[str, Any] = {"wanted_hash": digest}
    if found["state"] == State.DELIVERED:
        change |= {"state": State.PENDING, "wanted_at": now}
    elif found["state"] == State.DEAD:
        change |= {"state": _alive(found), "dead_at": None}
    # Pending stays pending even when what is wanted is what was delivered last: an edit of which there is no
    # answer may have changed the message since.
    set_(connection, number, part, **change)


def due(connection: Connection, limit: int = 100) -> list[Delivery]:
    """What is to be sent, the most severe first and then the oldest. A reply waits for its message."""
    parent = delivery.alias("parent")
    posted = or_(delivery.c.part == MESSAGE, parent.c.ts != "")
    joined = _joined(parent).where(delivery.c.state.in_((State.PENDING, State.ATTEMPTING)), posted)
    first = case((delivery.c.part == MESSAGE, 0), else_=1)
    order = (incident.c.severity.desc(), first, delivery.c.wanted_at, delivery.c.incident_id)
    return [Delivery(**row) for row in connection.execute(joined.order_by(*order).limit(limit)).mappings()]


def wanted(connection: Connection, number: int, part: str) -> str | None:
    """The hash of what is wanted; None when the incident is gone."""
    row = select(delivery.c.wanted_hash).where(delivery.c.incident_id == number, delivery.c.part == part)
    found: str | None = connection.execute(row).scalar()
    return found


def posted(connection: Connection, number: int) -> bool:
    """Whether an incident's message stands in the channel."""
    row = select(delivery.c.ts).where(delivery.c.incident_id == number, delivery.c.part == MESSAGE)
    return bool(connection.execute(row).scalar())


def last_channel(connection: Connection) -> str:
    """ID of the channel that was posted to last; empty before the first post."""
    row = (
        select(delivery.c.channel)
        .where(delivery.c.channel != "")
        .order_by(delivery.c.posted_at.desc())
        .limit(1)
    )
    return connection.execute(row).scalar() or ""


def of_incidents(connection: Connection, numbers: list[int]) -> list[Delivery]:
    """Every delivery of some incidents."""
    parent = delivery.alias("parent")
    chosen = _joined(parent).where(delivery.c.incident_id.in_(numbers))
    return [Delivery(**row) for row in connection.execute(chosen).mappings()]


def dead(connection: Connection, limit: int = 100) -> list[Delivery]:
    """What Slack refuses, with the reasons."""
    parent = delivery.alias("parent")
    chosen = _joined(parent).where(delivery.c.state == State.DEAD).limit(limit)
    return [Delivery(**row) for row in connection.execute(chosen).mappings()]


def set_(connection: Connection, number: int, part: str, **values: Any) -> None:  # noqa: ANN401 - columns
    """Change columns of a delivery."""
    connection.execute(
        update(delivery).where(delivery.c.incident_id == number, delivery.c.part == part).values(**values)
    )


def revive(connection: Connection) -> int:
    """Try every dead delivery again, whatever it died of."""
    return _revive(connection, delivery.c.state == State.DEAD)


def revive_channel(connection: Connection, channel: str) -> int:
    """Try again what a channel or the token refused, now that something got through to the channel."""
    mended = and_(
        delivery.c.state == State.DEAD,
        delivery.c.cause.in_((Scope.TOKEN.value, Scope.CHANNEL.value)),
        delivery.c.channel.in_(("", channel)),
    )
    return _revive(connection, mended)


def revive_one(connection: Connection, *, before: float) -> int:
    """Try one delivery again that died before a Unix time of what a person may have mended at Slack's side.

    One is enough to find out, and costs no more than one call however many are dead.
    """
    curable = delivery.c.cause.in_((Scope.TOKEN.value, Scope.CHANNEL.value, Scope.SERVER.value))
    first = (
        select(delivery.c.delivery_id)
        .join(incident, incident.c.id == delivery.c.incident_id)
        .where(delivery.c.state == State.DEAD, delivery.c.dead_at < before, curable)
        .order_by(delivery.c.dead_at)
        .limit(1)
    )
    return _revive(connection, delivery.c.delivery_id.in_(first))


def _revive(connection: Connection, mortal: ColumnElement[bool]) -> int:
    alive = case(
        (and_(delivery.c.ts == "", delivery.c.attempted_at.is_not(None)), State.ATTEMPTING),
        else_=State.PENDING,
    )
    return connection.execute(
        update(delivery).where(mortal).values(state=alive, dead_at=None, cause="")
    ).rowcount


def repost(connection: Connection, one: Delivery, *, reason: str) -> None:
    """Have a message posted anew that can no longer be edited; its evidence follows it to the new thread."""
    fresh = {
        "state": State.PENDING,
        "delivery_id": uuid.uuid4().hex,
        "delivered_hash": "",
        "channel": "",
        "ts": "",
        "attempted_at": None,
        "reason": reason,
    }
    set_(connection, one.incident_id, one.part, **fresh, reposts=one.reposts + 1)
    if one.part == MESSAGE:
        replies = select(delivery.c.part).where(
            delivery.c.incident_id == one.incident_id, delivery.c.part == EVIDENCE
        )
        for part in connection.execute(replies).scalars().all():
            set_(
                connection, one.incident_id, part, **{**fresh, "delivery_id": uuid.uuid4().hex, "reason": ""}
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What is on its way, for gauges and pages. ``oldest_wanted_at`` is None when nothing is."""

    pending: int
    dead: int
    oldest_wanted_at: float | None
    possible_duplicates: int
    reposts: int


def backlog(connection: Connection) -> Backlog:
    """Count what is on its way."""
    waiting = delivery.c.state.in_((State.PENDING, State.ATTEMPTING))
    row = connection.execute(
        select(
            func.count().filter(waiting),
            func.count().filter(delivery.c.state == State.DEAD),
            func.min(delivery.c.wanted_at).filter(waiting),
            func.coalesce(func.sum(delivery.c.possible_duplicates), 0),
            func.coalesce(func.sum(delivery.c.reposts), 0),
        )
    ).one()
    return Backlog(
        pending=row[0], dead=row[1], oldest_wanted_at=row[2], possible_duplicates=row[3], reposts=row[4]
    )


def _alive(row: RowMapping) -> str:
    return State.ATTEMPTING if not row["ts"] and row["attempted_at"] is not None else State.PENDING


def _joined(parent: Any) -> Any:  # noqa: ANN401 - SQLAlchemy's types of a select name every column
    kept = [c for c in delivery.c if c.name not in {"dead_at", "cause"}]
    return (
        select(
            *kept,
            incident.c.severity,
            func.coalesce(parent.c.ts, "").label("parent_ts"),
            func.coalesce(parent.c.channel, "").label("parent_channel"),
        )
        .join(incident, incident.c.id == delivery.c.incident_id)
        .outerjoin(
            parent,
            and_(
                parent.c.incident_id == delivery.c.incident_id,
                parent.c.part == MESSAGE,
                delivery.c.part != MESSAGE,
            ),
        )
    )
