"""What incidents need to be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from observer.slack.client import BASE_URL, REQUEST_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KEEPER_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentSettings:
    """What incidents need to be told.

    Args:
        slack_token: Gives the bot token whenever it is needed, so that a rotated secret file is read anew.

        channel: ID of the channel, such as ``C0123456789``; a name works but is looked up less surely.

        base_url: Where Slack's methods are.

        request_seconds: Time-out of a call of Slack.

        mentions: Whom to call, by an alert's ``label=value``, in Slack's markup: ``<!subteam^S0123>``.

        alertmanagers: URLs of every Alertmanager that sends webhooks here; none turns reconciliation off.

        keeper_seconds: Time between two rounds of reconciliation and evidence.
    """

    slack_token: Callable[[], str] = field(repr=False)
    channel: str
    base_url: str = BASE_URL
    request_seconds: float = REQUEST_SECONDS
    mentions: Mapping[str, str] = field(default_factory=dict)
    alertmanagers: tuple[str, ...] = ()
    keeper_seconds: float = KEEPER_SECONDS
