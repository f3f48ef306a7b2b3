"""What incidents need to be told, and what of it cannot work."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from observer.errors import ConfigurationError
from observer.slack.client import BASE_URL, REQUEST_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KEEPER_SECONDS = 15.0

_MENTION = re.compile(r"<(@[UW][A-Z0-9]+|!subteam\^S[A-Z0-9]+|!here|!channel|!everyone)>")


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

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[CG][A-Z0-9]{2,}|#\S+", self.channel):
            raise ConfigurationError(
                f"slack.channel: {self.channel!r} is neither a channel's ID nor a #name.",
                remedy="Copy the ID from the channel's details in Slack; it begins with C or G.",
            )
        for key, mention in self.mentions.items():
            if "=" not in key or not all(_MENTION.fullmatch(one) for one in mention.split()):
                raise ConfigurationError(
                    f"slack.mentions.{key}: {mention!r} is not a mention by label.",
                    remedy="Write label=value: <@U...>, <!subteam^S...>, <!here> or <!channel>.",
                )
