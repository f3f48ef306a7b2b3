"""What Slack refuses in a message, in its own words."""

from __future__ import annotations

import json
from typing import Any

from observer.slack import limits


class Refusal(Exception):  # noqa: N818 - an answer, not a fault of ours
    """An answer with ``ok: false``.

    Args:
        error: Slack's word.

        messages: Places that are wrong.

        extra: Further keys of the answer.
    """

    def __init__(self, error: str, *messages: str, **extra: object) -> None:
        super().__init__(error)
        self.error = error
        self.messages = messages
        self.extra = extra


def check(text: object, blocks: object, attachments: object, metadata: object) -> None:
    """Refuse a message that Slack would.

    Raises:
        Refusal: With Slack's word for it.
    """
    if not text and not blocks and not attachments:
        raise Refusal("no_text")
    if text is not None and not isinstance(text, str):
        raise Refusal("invalid_arguments", "[ERROR] text must be a string")
    if isinstance(text, str) and len(text) > limits.TEXT:
        raise Refusal("msg_too_long")
    _check_metadata(metadata)
    _check_blocks(blocks, "/blocks", "invalid_blocks")
    if attachments is not None and not isinstance(attachments, list):
        raise Refusal("invalid_attachments", "[ERROR] must be an array")
    if len(attachments or []) > limits.ATTACHMENTS:
        raise Refusal("too_many_attachments")
    total = len(json.dumps(blocks or [], ensure_ascii=False))
    for number, attachment in enumerate(attachments or []):
        if not isinstance(attachment, dict):
            raise Refusal("invalid_attachments", f"[ERROR] /attachments/{number} must be an object")
        _check_blocks(attachment.get("blocks"), f"/attachments/{number}/blocks", "invalid_attachments")
        total += len(json.dumps(attachment.get("blocks") or [], ensure_ascii=False))
    if total > limits.MESSAGE_REFUSED:
        raise Refusal("msg_blocks_too_long")


def _check_metadata(metadata: object) -> None:
    if metadata is None:
        return
    if not isinstance(metadata, dict):
        raise Refusal("invalid_metadata_format")
    if not isinstance(metadata.get("event_type"), str) or not isinstance(metadata.get("event_payload"), dict):
        raise Refusal("invalid_metadata_format")
    if len(json.dumps(metadata)) > limits.METADATA:
        raise Refusal("metadata_too_large")


def _check_blocks(blocks: object, at: str, word: str) -> None:
    if blocks is None:
        return
    if not isinstance(blocks, list):
        raise Refusal(f"{word}_format" if word == "invalid_blocks" else word)
    if len(blocks) > limits.BLOCKS:
        raise Refusal(word, f"[ERROR] no more than {limits.BLOCKS} items allowed [json-pointer:{at}]")
    wrong: list[str] = []
    for number, block in enumerate(blocks):
        wrong += _wrong(block, f"{at}/{number}")
    if wrong:
        raise Refusal(word, *wrong)


def _wrong(block: object, at: str) -> list[str]:
    if not isinstance(block, dict):
        return [f"[ERROR] must be an object [json-pointer:{at}]"]
    kind = block.get("type")
    if kind not in _KINDS:
        return [f"[ERROR] unsupported type: {kind} [json-pointer:{at}/type]"]
    return _length(block.get("block_id", ""), limits.BLOCK_ID, f"{at}/block_id") + _KINDS[kind](block, at)


def _section(block: dict[str, Any], at: str) -> list[str]:
    fields = block.get("fields") or []
    if "text" not in block and not fields:
        return [f"[ERROR] missing required field: text [json-pointer:{at}]"]
    wrong = _text(block["text"], limits.SECTION_TEXT, f"{at}/text") if "text" in block else []
    if len(fields) > limits.SECTION_FIELDS:
        wrong.append(f"[ERROR] no more than 10 items allowed [json-pointer:{at}/fields]")
    for number, text in enumerate(fields):
        wrong += _text(text, limits.SECTION_FIELD_TEXT, f"{at}/fields/{number}")
    return wrong


def _header(block: dict[str, Any], at: str) -> list[str]:
    return _text(block.get("text"), limits.HEADER_TEXT, f"{at}/text", only="plain_text")


def _context(block: dict[str, Any], at: str) -> list[str]:
    wrong = _elements(block, limits.CONTEXT_ELEMENTS, at)
    for number, text in enumerate(block.get("elements") or []):
        if not isinstance(text, dict) or text.get("type") != "image":
            wrong += _text(text, limits.CONTEXT_TEXT, f"{at}/elements/{number}")
    return wrong


def _actions(block: dict[str, Any], at: str) -> list[str]:
    wrong = _elements(block, limits.ACTIONS_ELEMENTS, at)
    for number, button in enumerate(block.get("elements") or []):
        wrong += _button(button, f"{at}/elements/{number}")
    return wrong


def _divider(_block: dict[str, Any], _at: str) -> list[str]:
    return []


_KINDS = {
    "section": _section,
    "header": _header,
    "context": _context,
    "actions": _actions,
    "divider": _divider,
}


def _elements(block: dict[str, Any], most: int, at: str) -> list[str]:
    elements = block.get("elements")
    if not isinstance(elements, list) or not elements:
        return [f"[ERROR] no fewer than 1 item allowed [json-pointer:{at}/elements]"]
    if len(elements) > most:
        return [f"[ERROR] no more than {most} items allowed [json-pointer:{at}/elements]"]
    return []


def _button(button: object, at: str) -> list[str]:
    if not isinstance(button, dict) or button.get("type") != "button":
        return [f"[ERROR] unsupported element [json-pointer:{at}]"]
    wrong = _text(button.get("text"), limits.BUTTON_TEXT, f"{at}/text", only="plain_text")
    wrong += _length(button.get("value", ""), limits.BUTTON_VALUE, f"{at}/value")
    wrong += _length(button.get("url", ""), limits.BUTTON_URL, f"{at}/url")
    return wrong + _length(button.get("action_id", ""), limits.ACTION_ID, f"{at}/action_id")


def _text(text: object, most: int, at: str, *, only: str = "") -> list[str]:
    if not isinstance(text, dict) or text.get("type") not in ({only} if only else {"mrkdwn", "plain_text"}):
        return [f"[ERROR] failed to match all allowed schemas [json-pointer:{at}]"]
    if not text.get("text"):
        return [f"[ERROR] must be more than 0 characters [json-pointer:{at}/text]"]
    return _length(text["text"], most, f"{at}/text")


def _length(text: object, most: int, at: str) -> list[str]:
    if not isinstance(text, str):
        return [f"[ERROR] must be a string [json-pointer:{at}]"]
    return (
        [f"[ERROR] must be less than {most + 1} characters [json-pointer:{at}]"] if len(text) > most else []
    )
