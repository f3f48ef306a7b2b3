"""A workspace in memory: channels, messages, threads, and the methods that change them."""

from __future__ import annotations

import copy
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from observer.slack import limits
from observer.slack.fake.validation import Refusal, check
from observer.slack.pace import Bucket

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TEAM = "T0FAKE"
BOT_USER = "U0OBSERVER"
BOT = "B0OBSERVER"
POST_BURST = 3.0
UPDATE_BURST = 50.0
Arguments = dict[str, Any]


@dataclass(slots=True)
class Channel:
    """A channel, and what the app may do in it."""

    id: str
    name: str
    archived: bool = False
    member: bool = True
    messages: list[dict[str, Any]] = field(default_factory=list)


class Limited(Exception):  # noqa: N818 - an answer, not a fault of ours
    """The answer 429. ``seconds`` is when to come back."""

    def __init__(self, seconds: int) -> None:
        super().__init__(str(seconds))
        self.seconds = seconds


class Workspace:
    """What Slack remembers. Methods are called as over the network and answer or refuse alike.

    Args:
        token: The only one that is let in.

        channels: Names by ID.

        limit_rates: Answer 429 to more than one post a second and channel, bursts of three aside.
    """

    def __init__(
        self,
        *,
        token: str = "xoxb-fake",  # noqa: S107 - opens nothing
        channels: Mapping[str, str] | None = None,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        limit_rates: bool = True,
    ) -> None:
        self._token = token
        self._now = now
        self._monotonic = monotonic
        self._limit_rates = limit_rates
        self._lock = threading.RLock()
        self._last_ts = 0
        self._posts: dict[str, Bucket] = {}
        self._updates = Bucket(rate=limits.UPDATES_A_SECOND, burst=UPDATE_BURST)
        self.channels = {
            number: Channel(id=number, name=name)
            for number, name in (channels or {"C0ALERTS": "alerts"}).items()
        }
        self.calls: list[tuple[float, str, str]] = []
        """Each call: when, which method, and ``ok`` or the error."""

    def call(self, method: str, token: str, arguments: Arguments) -> dict[str, Any]:
        """Carry out a method.

        Raises:
            Refusal: ``ok: false``.
            Limited: 429.
        """
        with self._lock:
            try:
                answer = self._carry_out(method, token, arguments)
            except Refusal as refusal:
                self.note(method, refusal.error)
                raise
            except Limited:
                self.note(method, "ratelimited")
                raise
            self.note(method, "ok")
            return {"ok": True, **answer}

    def note(self, method: str, outcome: str) -> None:
        """Remember that a method was called."""
        with self._lock:
            self.calls.append((self._now(), method, outcome))

    def snapshot(self) -> dict[str, Any]:
        """Every channel with every message, as JSON."""
        with self._lock:
            return {
                "channels": [
                    {
                        "id": channel.id,
                        "name": channel.name,
                        "archived": channel.archived,
                        "messages": copy.deepcopy(channel.messages),
                    }
                    for channel in self.channels.values()
                ]
            }

    def messages(self, channel: str | None = None) -> list[dict[str, Any]]:
        """Messages of a channel, or of all, oldest first; replies too."""
        with self._lock:
            chosen = [c for c in self.channels.values() if channel in {None, c.id}]
            return [copy.deepcopy(message) for one in chosen for message in one.messages]

    def duplicates(self) -> list[str]:
        """Delivery ids that stand on more than one message: what must never happen."""
        seen: set[str] = set()
        twice: list[str] = []
        for message in self.messages():
            payload = (message.get("metadata") or {}).get("event_payload") or {}
            delivery = payload.get("delivery_id")
            if delivery in seen:
                twice.append(delivery)
            elif delivery:
                seen.add(delivery)
        return twice

    def forget(self) -> None:
        """Remove every message and call."""
        with self._lock:
            for channel in self.channels.values():
                channel.messages.clear()
            self.calls.clear()

    def remove(self, ts: str) -> bool:
        """Delete a message as a person would."""
        with self._lock:
            for channel in self.channels.values():
                for message in channel.messages:
                    if message["ts"] == ts:
                        channel.messages.remove(message)
                        return True
        return False

    def _carry_out(self, method: str, token: str, arguments: Arguments) -> dict[str, Any]:
        if not token:
            raise Refusal("not_authed")
        if token != self._token:
            raise Refusal("invalid_auth")
        known: dict[str, Callable[[Arguments], dict[str, Any]]] = {
            "auth.test": self._auth_test,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "chat.delete": self._delete,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
            "conversations.info": self._info,
            "conversations.list": self._list,
            "reactions.add": self._react,
        }
        if method not in known:
            raise Refusal("unknown_method", req_method=method)
        return known[method](arguments)

    def _auth_test(self, _arguments: Arguments) -> dict[str, Any]:
        return {
            "url": "https://fake.slack.com/",
            "team": "Fake",
            "user": "observer",
            "team_id": TEAM,
            "user_id": BOT_USER,
            "bot_id": BOT,
        }

    def _channel(self, given: object, *, by_name: bool = False, reading: bool = False) -> Channel:
        channel = self.channels.get(str(given))
        if channel is None and by_name:
            name = str(given).removeprefix("#")
            channel = next((c for c in self.channels.values() if c.name == name), None)
        if channel is None:
            raise Refusal("channel_not_found")
        if channel.archived and not reading:
            raise Refusal("is_archived")
        if not channel.member:
            raise Refusal("not_in_channel")
        return channel

    def _post(self, arguments: Arguments) -> dict[str, Any]:
        channel = self._channel(arguments.get("channel"), by_name=True)
        content = _content(arguments)
        check(*content)
        thread = str(arguments.get("thread_ts") or "")
        if thread and not any(m["ts"] == thread for m in channel.messages):
            raise Refusal("thread_not_found")
        bucket = self._posts.setdefault(channel.id, Bucket(rate=limits.POSTS_A_SECOND, burst=POST_BURST))
        self._limit(bucket)
        message: dict[str, Any] = {"type": "message", "user": BOT_USER, "bot_id": BOT, "ts": self._ts()}
        message |= _named(content)
        if thread:
            message["thread_ts"] = thread
            if arguments.get("reply_broadcast"):
                message["subtype"] = "thread_broadcast"
        channel.messages.append(message)
        return {"channel": channel.id, "ts": message["ts"], "message": copy.deepcopy(message)}

    def _update(self, arguments: Arguments) -> dict[str, Any]:
        channel = self._channel(arguments.get("channel"))
        message = self._message(channel, arguments.get("ts"))
        if message["user"] != BOT_USER:
            raise Refusal("cant_update_message")
        text, blocks, attachments, metadata = _content(arguments)
        # What is left out stays as it was.
        blocks = message["blocks"] if blocks is None else blocks
        attachments = message["attachments"] if attachments is None else attachments
        check(text, blocks, attachments, metadata)
        self._limit(self._updates)
        changed = _named((text, blocks, attachments, metadata or message["metadata"]))
        if any(message[name] != value for name, value in changed.items()):
            message |= changed
            message["edited"] = {"user": BOT_USER, "ts": f"{self._now():.6f}"}
        return {"channel": channel.id, "ts": message["ts"], "text": text, "message": copy.deepcopy(message)}

    def _delete(self, arguments: Arguments) -> dict[str, Any]:
        channel = self._channel(arguments.get("channel"))
        message = self._message(channel, arguments.get("ts"))
        if message["user"] != BOT_USER:
            raise Refusal("cant_delete_message")
        channel.messages.remove(message)
        return {"channel": channel.id, "ts": message["ts"]}

    def _history(self, arguments: Arguments) -> dict[str, Any]:
        channel = self._channel(arguments.get("channel"), reading=True)
        shown = [
            m for m in channel.messages if "thread_ts" not in m or m.get("subtype") == "thread_broadcast"
        ]
        return _page(sorted(shown, key=lambda m: float(m["ts"]), reverse=True), arguments)

    def _replies(self, arguments: Arguments) -> dict[str, Any]:
        channel = self._channel(arguments.get("channel"), reading=True)
        thread = str(arguments.get("ts") or "")
        shown = [m for m in channel.messages if thread in {m["ts"], m.get("thread_ts")}]
        if not shown:
            raise Refusal("thread_not_found")
        return _page(sorted(shown, key=lambda m: float(m["ts"])), arguments)

    def _info(self, arguments: Arguments) -> dict[str, Any]:
        channel = self.channels.get(str(arguments.get("channel")))
        if channel is None:
            raise Refusal("channel_not_found")
        return {"channel": _described(channel)}

    def _list(self, _arguments: Arguments) -> dict[str, Any]:
        found = [_described(channel) for channel in self.channels.values()]
        return {"channels": found, "response_metadata": {"next_cursor": ""}}

    def _react(self, arguments: Arguments) -> dict[str, Any]:
        channel = self._channel(arguments.get("channel"))
        message = self._message(channel, arguments.get("timestamp"))
        name = str(arguments.get("name") or "")
        if not name:
            raise Refusal("invalid_name")
        reactions = message.setdefault("reactions", [])
        if any(one["name"] == name for one in reactions):
            raise Refusal("already_reacted")
        reactions.append({"name": name, "count": 1, "users": [BOT_USER]})
        return {}

    def _message(self, channel: Channel, ts: object) -> dict[str, Any]:
        for message in channel.messages:
            if message["ts"] == str(ts):
                return message
        raise Refusal("message_not_found")

    def _limit(self, bucket: Bucket) -> None:
        now = self._monotonic()
        wait = bucket.wait(now)
        if self._limit_rates and wait > 0:
            raise Limited(max(1, int(wait + 0.999)))
        bucket.take(now)

    def _ts(self) -> str:
        # Slack's stamps are unique within a channel and grow, however fast messages come.
        self._last_ts = max(self._last_ts + 1, int(self._now() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"


_Content = tuple[Any, Any, Any, Any]


def _content(arguments: Arguments) -> _Content:
    return (
        arguments.get("text"),
        arguments.get("blocks"),
        arguments.get("attachments"),
        arguments.get("metadata"),
    )


def _named(content: _Content) -> dict[str, Any]:
    text, blocks, attachments, metadata = content
    return {
        "text": text or "",
        "blocks": blocks or [],
        "attachments": attachments or [],
        "metadata": metadata,
    }


def _described(channel: Channel) -> dict[str, Any]:
    return {
        "id": channel.id,
        "name": channel.name,
        "is_channel": True,
        "is_archived": channel.archived,
        "is_member": channel.member,
    }


def _page(messages: list[dict[str, Any]], arguments: Arguments) -> dict[str, Any]:
    oldest = float(arguments.get("oldest") or 0)
    latest = float(arguments.get("latest") or "inf")
    found = [m for m in messages if oldest <= float(m["ts"]) <= latest]
    start = int(arguments.get("cursor") or 0)
    size = min(int(arguments.get("limit") or 100), 999)
    shown = [copy.deepcopy(m) for m in found[start : start + size]]
    if str(arguments.get("include_all_metadata", "")).lower() not in {"1", "true"}:
        for message in shown:
            message.pop("metadata", None)
    more = start + size < len(found)
    cursor = str(start + size) if more else ""
    return {"messages": shown, "has_more": more, "response_metadata": {"next_cursor": cursor}}
