"""Alertmanager's webhook body, version 4, read tolerantly and refused with the place that is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from observer.errors import Malformed
from observer.incidents.model import Alert, Notice

VERSION = "4"


class UnreadablePayload(Malformed):
    """A webhook body that is not Alertmanager's.

    Args:
        errors: Each place that is wrong, as ``path: what is wrong``.
    """

    code = "webhook-payload"

    def __init__(self, sentence: str, *, errors: tuple[str, ...] = (), remedy: str = "") -> None:
        super().__init__(sentence, remedy=remedy)
        self.errors = errors


def _text(value: object) -> object:
    # Custom templates send numbers and booleans where Alertmanager has strings.
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else value


_Word = Annotated[str, BeforeValidator(_text)]
_Words = Annotated[dict[str, _Word], BeforeValidator(lambda value: {} if value is None else value)]


class _Alert(BaseModel):
    model_config = ConfigDict(extra="ignore")
    status: Literal["firing", "resolved"]
    labels: _Words
    annotations: _Words = Field(default_factory=dict)
    starts_at: datetime = Field(alias="startsAt")
    ends_at: datetime | None = Field(default=None, alias="endsAt")
    generator_url: str = Field(default="", alias="generatorURL")
    fingerprint: str = Field(min_length=1, max_length=256)


class _Payload(BaseModel):
    model_config = ConfigDict(extra="ignore")
    version: _Word
    group_key: str = Field(min_length=1, alias="groupKey")
    receiver: str = ""
    external_url: str = Field(default="", alias="externalURL")
    truncated: int = Field(default=0, ge=0, alias="truncatedAlerts")
    group_labels: _Words = Field(default_factory=dict, alias="groupLabels")
    alerts: list[_Alert]


def parse(body: bytes) -> Notice:
    """Read a webhook body of Alertmanager 0.25 or later. Keys that are not known are passed over.

    Raises:
        UnreadablePayload: Not JSON, of another version, or with a field missing or wrong; says where.
    """
    try:
        payload = _Payload.model_validate_json(body)
    except ValidationError as fault:
        errors = tuple(
            f"{'.'.join(str(step) for step in error['loc']) or 'body'}: {error['msg']}"
            for error in fault.errors(include_url=False, include_context=False, include_input=False)[:20]
        )
        raise UnreadablePayload(
            f"The webhook is not one of Alertmanager's: {errors[0]}.",
            errors=errors,
            remedy="Send Alertmanager's own format (a webhook_config without a template of its own).",
        ) from None
    if payload.version != VERSION:
        raise UnreadablePayload(
            f"The webhook has version {payload.version!r}; Observer knows version {VERSION!r}.",
            errors=(f"version: {payload.version!r} is not {VERSION!r}",),
        )
    return Notice(
        group_key=payload.group_key,
        receiver=payload.receiver.replace("\\", ""),  # Alertmanager quotes it as a regular expression
        external_url=payload.external_url,
        group_labels=payload.group_labels,
        truncated=payload.truncated,
        alerts=tuple(_alert(alert) for alert in payload.alerts),
    )


def _alert(alert: _Alert) -> Alert:
    firing = alert.status == "firing"
    return Alert(
        fingerprint=alert.fingerprint,
        firing=firing,
        labels=alert.labels,
        annotations=alert.annotations,
        starts_at=_unix(alert.starts_at),
        # A firing alert carries Go's zero time, year 1, or the time by which it will be refreshed.
        ends_at=None if firing or alert.ends_at is None or alert.ends_at.year <= 1 else _unix(alert.ends_at),
        generator_url=alert.generator_url,
    )


def _unix(moment: datetime) -> float:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return max(0.0, aware.timestamp())
