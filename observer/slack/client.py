"""Slack's methods as Observer uses them: one call is one request, and every failure has a meaning."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Protocol

from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.client import WebClient

from observer.errors import ConfigurationError, Kind
from observer.slack import limits
from observer.slack.faults import SlackFault, broken, refused, without_token
from observer.slack.recorder import SLACK_RATE_LIMITED, SLACK_REQUESTS, SLACK_SECONDS, NoRecorder

if TYPE_CHECKING:
    from collections.abc import Callable

    from observer.slack.message import Message
    from observer.slack.recorder import Recorder

BASE_URL = "https://slack.com/api/"
REQUEST_SECONDS = 10.0
DEFAULT_RETRY_AFTER = 30.0
LONGEST_RETRY_AFTER = 600.0
EVENT_TYPE = "observer_delivery"
PAGES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """Where a message stands: its ts, and the channel's ID, which editing needs in place of its name."""

    channel: str
    ts: str


class Messenger(Protocol):
    """Posts, edits and finds messages; raises :class:`SlackFault`."""

    def post(self, channel: str, message: Message, *, delivery_id: str, thread_ts: str = "") -> Posted:
        """Post a message that can be found again by ``delivery_id``."""

    def update(self, place: Posted, message: Message, *, delivery_id: str) -> None:
        """Make the message at ``place`` look like ``message``; safe to repeat."""

    def find(self, channel: str, *, delivery_id: str, since: float, thread_ts: str = "") -> Posted | None:
        """The message posted with ``delivery_id`` at or after a Unix time, or None when there is none."""


class SlackClient:
    """Slack over HTTPS with slack_sdk's synchronous client.

    Of its own retries there are none: the default one repeats ``chat.postMessage`` when the connection is
    lost after the request was read, which posts twice. The environment's proxy settings hold, NO_PROXY too.

    Args:
        token: Gives the bot token as it is now. Empty, or a `ConfigurationError`, when there is none yet.

        base_url: Where Slack's methods are, for proxies, GovSlack and the stand-in.

        seconds: Time-out of each wait for the network within a call.
    """

    def __init__(
        self,
        *,
        token: Callable[[], str],
        base_url: str = BASE_URL,
        seconds: float = REQUEST_SECONDS,
        recorder: Recorder | None = None,
    ) -> None:
        quiet = logging.getLogger("observer.slack.sdk")
        # The SDK logs bodies when debugging, and every failure as an error; the meaning is told elsewhere.
        quiet.setLevel(logging.CRITICAL + 1)
        self._token = token
        self._recorder: Recorder = recorder or NoRecorder()
        # The SDK takes whole seconds and says so only in its annotation.
        self._web = WebClient(
            base_url=base_url, timeout=max(1, round(seconds)), retry_handlers=[], logger=quiet
        )

    def post(self, channel: str, message: Message, *, delivery_id: str, thread_ts: str = "") -> Posted:
        body = _body(message, delivery_id) | {
            "channel": channel,
            "unfurl_links": False,
            "unfurl_media": False,
        }
        if thread_ts:
            body |= {"thread_ts": thread_ts, "reply_broadcast": message.broadcast}
        answer = self._call("chat.postMessage", json=body)
        return Posted(channel=str(answer["channel"]), ts=str(answer["ts"]))

    def update(self, place: Posted, message: Message, *, delivery_id: str) -> None:
        self._call(
            "chat.update", json=_body(message, delivery_id) | {"channel": place.channel, "ts": place.ts}
        )

    def find(self, channel: str, *, delivery_id: str, since: float, thread_ts: str = "") -> Posted | None:
        method = "conversations.replies" if thread_ts else "conversations.history"
        arguments: dict[str, Any] = {
            "channel": channel,
            "oldest": f"{since:.6f}",
            "inclusive": True,
            "include_all_metadata": True,
            "limit": limits.HISTORY_PAGE,
        }
        if thread_ts:
            arguments["ts"] = thread_ts
        for _ in range(PAGES):
            answer = self._call(method, params=arguments)
            for message in answer.get("messages") or []:
                payload = (message.get("metadata") or {}).get("event_payload") or {}
                if payload.get("delivery_id") == delivery_id:
                    return Posted(channel=channel, ts=str(message["ts"]))
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return None
            arguments["cursor"] = cursor
        return None

    def who(self) -> dict[str, Any]:
        """Who the token belongs to, by ``auth.test``: workspace, user, bot."""
        return self._call("auth.test", params={})

    def _call(self, method: str, **arguments: dict[str, Any]) -> dict[str, Any]:
        started = time.monotonic()
        outcome = "ok"
        try:
            return self._answer(method, arguments)
        except SlackFault as fault:
            outcome = fault.scope.value if fault.outcome is not Kind.AMBIGUOUS else "ambiguous"
            if fault.retry_after is not None:
                self._recorder.add(SLACK_RATE_LIMITED, fault.retry_after)
            raise
        finally:
            self._recorder.add(SLACK_SECONDS, time.monotonic() - started, method)
            self._recorder.add(SLACK_REQUESTS, 1.0, method, outcome)

    def _given(self, method: str) -> str:
        try:
            token = self._token()
        except ConfigurationError as fault:
            raise without_token(method=method, why=fault.sentence) from None
        if not token:
            raise without_token(method=method, why="it is empty")
        return token

    def _answer(self, method: str, arguments: dict[str, dict[str, Any]]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._given(method)}"}
        try:
            response = self._web.api_call(method, headers=headers, **arguments)  # type: ignore[arg-type]  # json, params
        except SlackApiError as fault:
            raise _refusal(method, fault) from None
        except (SlackClientError, OSError, HTTPException, ValueError, LookupError) as fault:
            # The last three stand for answers that were cut short or are not text.
            raise broken(method=method, cause=fault) from None
        data = response.data
        if not isinstance(data, dict):
            raise refused(method=method, status=response.status_code, error="")
        return data


def _refusal(method: str, fault: SlackApiError) -> SlackFault:
    response = fault.response
    data = response.data if isinstance(response.data, dict) else {}
    error = str(data.get("error") or "")
    if response.status_code >= 500 or not error.isascii() or " " in error:
        error = ""  # the SDK puts a sentence here when the body is not JSON
    status = int(response.status_code)
    limited = status == 429 or error in {"ratelimited", "rate_limited"}
    detail = "; ".join(str(line) for line in (data.get("response_metadata") or {}).get("messages") or ())
    if needed := data.get("needed"):
        detail = f"needs {needed}"
    return refused(
        method=method,
        status=status,
        error=error,
        retry_after=_retry_after(response.headers) if limited else None,
        detail=detail,
    )


def _retry_after(headers: Any) -> float:  # noqa: ANN401 - the SDK does not say what it holds
    for name, value in dict(headers).items():
        if str(name).lower() == "retry-after":
            try:
                return min(LONGEST_RETRY_AFTER, max(0.0, float(value)))
            except (TypeError, ValueError):
                break
    return DEFAULT_RETRY_AFTER


def _body(message: Message, delivery_id: str) -> dict[str, Any]:
    # Slack keeps the old blocks of an edited message unless it gets others: both lists are always sent.
    return {
        "text": message.text,
        "blocks": list(message.blocks),
        "attachments": message.attachments(),
        "metadata": {"event_type": EVENT_TYPE, "event_payload": {"delivery_id": delivery_id}},
    }
