"""A Slack message as a value, and the blocks it is built of."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from observer.slack import limits

Block = dict[str, Any]

RED = "#d92d20"
AMBER = "#dc8a04"
BLUE = "#2f6fde"
GREEN = "#1f9d55"
GREY = "#8a8f98"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is shown, without where and when.

    Args:
        text: What notifications and screen readers say; the blocks stand in its place in the channel.

        blocks: Above the coloured bar.

        bar: Colour of the bar as ``#rrggbb``.

        barred: Blocks beside the bar.

        broadcast: For a reply: also show it in the channel.
    """

    text: str
    blocks: tuple[Block, ...] = ()
    bar: str = GREY
    barred: tuple[Block, ...] = ()
    broadcast: bool = field(default=False)

    def attachments(self) -> list[dict[str, Any]]:
        """The coloured bar, in the form Slack has for it."""
        if not self.barred:
            return []
        return [{"color": self.bar, "fallback": self.text, "blocks": list(self.barred)}]

    def characters(self) -> int:
        """Size of what is sent: the JSON of blocks and attachments, and the text."""
        return len(json.dumps([list(self.blocks), self.attachments()], ensure_ascii=False)) + len(self.text)

    def digest(self) -> str:
        """Equal for messages that look the same."""
        shown = [self.text, list(self.blocks), self.attachments()]
        return hashlib.sha256(json.dumps(shown, sort_keys=True).encode("utf-8", "replace")).hexdigest()[:32]


def section(markup: str) -> Block:
    """A paragraph of markup."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": markup}}


def context(*markup: str) -> Block:
    """A small grey line."""
    return {
        "type": "context",
        "elements": [{"type": "mrkdwn", "text": part} for part in markup[: limits.CONTEXT_ELEMENTS]],
    }
