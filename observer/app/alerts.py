"""Where Alertmanager's webhooks come in: stored before they are answered, and nothing else on the way."""

from __future__ import annotations

import asyncio
import hmac
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import structlog
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from observer.errors import ObserverError
from observer.incidents.metrics import WEBHOOKS
from observer.incidents.payload import UnreadablePayload, parse
from observer.slack.recorder import NoRecorder

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from observer.incidents.intake import Accepted
    from observer.incidents.model import Incident, Notice
    from observer.incidents.outbox import Delivery
    from observer.slack.recorder import Recorder

_log = structlog.get_logger(__name__)

BODY_BYTES = 16 * 1024 * 1024
LONG_BODY_BYTES = 256 * 1024
STORE_SECONDS = 10.0


class Intake(Protocol):
    """Takes notices for good, and tells what became of them. Either raises while there is no store."""

    def accept(self, notice: Notice) -> Future[Accepted]:
        """Store a notice; the future is done after COMMIT."""

    def recent(self, limit: int = 100) -> list[tuple[Incident, list[Delivery]]]:
        """Incidents with their deliveries."""


class _Refused(Exception):  # noqa: N818 - an answer, not a fault of ours
    def __init__(self, status: int, error: str, *, outcome: str, errors: tuple[str, ...] = ()) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.errors = errors
        self.outcome = outcome


def alerts_router(
    *,
    incidents: Intake,
    bearer: Callable[[], str] | None = None,
    recorder: Recorder | None = None,
    body_bytes: int = BODY_BYTES,
) -> APIRouter:
    """The routes of alerts.

    Alertmanager repeats a webhook for answers of 500 and above only. So whatever passes, a full disk, a
    restart, too much at once, is answered with 503 and never with 429, and what does not pass with 4xx.

    Args:
        incidents: Takes the notices.

        bearer: Gives the token that must come with a webhook, whenever one is checked, or raises an
            `ObserverError` when there is none; None asks for none.

        recorder: Counts the webhooks by outcome.

        body_bytes: Longest body that is read.
    """
    counted: Recorder = recorder or NoRecorder()
    router = APIRouter()

    @router.post("/api/v1/alerts", tags=["alerts"])
    async def alerts(request: Request) -> JSONResponse:
        """Take a webhook of Alertmanager: 200 once it is stored for good."""
        try:
            _authorise(request, bearer)
            body = await _body(request, body_bytes)
            accepted = await _stored(body, incidents)
        except _Refused as refused:
            counted.add(WEBHOOKS, 1.0, refused.outcome)
            _log.warning(
                "webhook.refused", status=refused.status, reason=refused.error, errors=refused.errors
            )
            return _error(refused)
        counted.add(WEBHOOKS, 1.0, "stored")
        return JSONResponse({"ok": True, **accepted})

    @router.get("/api/v1/incidents", tags=["alerts"])
    async def listed(
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> JSONResponse:
        """Incidents with what Slack shows of them: open ones first, then those that ended last."""
        try:
            found = await asyncio.to_thread(incidents.recent, limit)
        except ObserverError as fault:
            return _error(_Refused(503, fault.sentence, outcome="unavailable"))
        return JSONResponse({"ok": True, "incidents": [_incident(i, d) for i, d in found]})

    return router


async def _stored(body: bytes, incidents: Intake) -> dict[str, int]:
    try:
        # The loop serves others: what takes long to read is read beside it.
        notice = parse(body) if len(body) < LONG_BODY_BYTES else await asyncio.to_thread(parse, body)
    except UnreadablePayload as fault:
        raise _Refused(400, fault.sentence, outcome="malformed", errors=fault.errors) from None
    try:
        future = asyncio.wrap_future(incidents.accept(notice))
        # Shielded, for a write that is under way cannot be called back; late, it is stored all the same,
        # and the same webhook sent again changes nothing.
        accepted = await asyncio.wait_for(asyncio.shield(future), timeout=STORE_SECONDS)
    except TimeoutError:
        raise _Refused(503, "The store did not answer in time.", outcome="unavailable") from None
    except ObserverError as fault:
        raise _Refused(503, fault.sentence, outcome="unavailable") from None
    return {
        "opened": accepted.opened,
        "changed": accepted.changed,
        "resolved": accepted.resolved,
        "ignored": accepted.ignored,
    }


def _authorise(request: Request, bearer: Callable[[], str] | None) -> None:
    if bearer is None:
        return
    given = request.headers.get("authorization", "")
    try:
        expected = f"Bearer {bearer()}"
    except ObserverError as fault:
        # Without the token nobody is let in; Alertmanager tries again until a person has mended it.
        errors = (fault.remedy,) if fault.remedy else ()
        raise _Refused(503, fault.sentence, outcome="unavailable", errors=errors) from None
    # Compared as bytes: compare_digest refuses text that is not ASCII.
    if not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode("utf-8")):
        raise _Refused(401, "The webhook's bearer token is missing or wrong.", outcome="refused")


async def _body(request: Request, most: int) -> bytes:
    too_large = _Refused(
        413,
        f"The webhook's body is over {most} bytes; set max_alerts in Alertmanager's webhook_config.",
        outcome="too_large",
    )
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most:
        raise too_large
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                raise too_large
    except ClientDisconnect:
        raise _Refused(400, "The webhook was cut short.", outcome="malformed") from None
    return bytes(body)


def _error(refused: _Refused) -> JSONResponse:
    content = {
        "ok": False,
        "error": refused.error,
        "errors": list(refused.errors),
        "status": refused.status,
    }
    headers = {"WWW-Authenticate": "Bearer"} if refused.status == 401 else None
    return JSONResponse(content, status_code=refused.status, headers=headers)


def _incident(incident: Incident, deliveries: list[Delivery]) -> dict[str, Any]:
    return {
        "id": incident.id,
        "state": "firing" if incident.open else "resolved",
        "severity": incident.severity.name.lower(),
        "group_labels": incident.group_labels,
        "opened_at": incident.opened_at,
        "changed_at": incident.changed_at,
        "seen_at": incident.seen_at,
        "resolved_at": incident.resolved_at,
        "truncated": incident.truncated,
        "alerts": [
            {
                "fingerprint": member.alert.fingerprint,
                "state": "firing" if member.firing else "resolved",
                "ending": member.ending,
                "labels": member.alert.labels,
                "annotations": member.alert.annotations,
                "starts_at": member.alert.starts_at,
                "ends_at": member.alert.ends_at,
            }
            for member in incident.members.values()
        ],
        "deliveries": [
            {
                "part": one.part,
                "state": one.state,
                "channel": one.channel,
                "ts": one.ts,
                "late_seconds": one.late,
                "possible_duplicates": one.possible_duplicates,
                "reposts": one.reposts,
                "reason": one.reason,
            }
            for one in deliveries
        ],
    }
