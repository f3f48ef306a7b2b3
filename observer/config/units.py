"""How settings write durations, sizes, names and addresses."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?\s*")


def seconds(value: object) -> object:
    """``"300ms"``, ``"5s"``, ``"1h"`` or a number of seconds."""
    if isinstance(value, str):
        match = _DURATION.fullmatch(value)
        if match is None:
            raise ValueError("not a duration. Write a number with a unit: 300ms, 5s, 10m, 1h, 7d")
        return float(match[1]) * _UNITS[match[2] or "s"]
    return value


_BYTES = {"": 1, "B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?b|)\s*", re.IGNORECASE)
_BUDGET = re.compile(r"\s*(\d+(?:\.\d+)?\s*(%|[kmgt]?b|))?\s*", re.IGNORECASE)


def size_in_bytes(value: object) -> object:
    """``"500MB"``, ``"2GB"`` or a number of bytes; units are PostgreSQL's, so 1 MB is 1,048,576 bytes."""
    if isinstance(value, str):
        match = _SIZE.fullmatch(value)
        if match is None:
            raise ValueError("not a size. Write a number with a unit: 500MB, 2GB")
        return int(float(match[1]) * _BYTES[match[2].upper()])
    return value


def size_or_share(value: str) -> str:
    if _BUDGET.fullmatch(value) is None:
        raise ValueError("not a budget. Write a size or a share of the database: 500MB, 2GB, 10%")
    return value.strip()


_CHANNEL = re.compile(r"[CG][A-Z0-9]{2,}|#\S+")
_MENTION = re.compile(r"<(@[UW][A-Z0-9]+|!subteam\^S[A-Z0-9]+|!here|!channel|!everyone)>")


def slack_channel(value: str) -> str:
    """The ID of a channel, ``C0123456789``, or ``#name``, which is looked up less surely."""
    if _CHANNEL.fullmatch(value) is None:
        raise ValueError(
            f"{value!r} is neither a channel's ID nor a #name."
            " Copy the ID from the channel's details in Slack; it begins with C or G"
        )
    return value


def slack_mentions(value: dict[str, str]) -> dict[str, str]:
    """Whom to call, in Slack's markup, by ``label=value``."""
    for key, mention in value.items():
        if "=" not in key or not all(_MENTION.fullmatch(one) for one in mention.split()):
            raise ValueError(
                f"{key}: {mention!r} is not a mention by label."
                " Write label=value: <@U...>, <!subteam^S...>, <!here> or <!channel>"
            )
    return value


def web_url(value: str) -> str:
    """``http://host:port`` or ``https://host``, with or without a path."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{value!r} is no URL. Write it with its scheme: http://host:9090")
    return value


Bytes = Annotated[int, BeforeValidator(size_in_bytes), Field(ge=1024**2)]
Seconds = Annotated[float, BeforeValidator(seconds), Field(gt=0, le=365 * 86400)]
Web = Annotated[str, AfterValidator(web_url)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]


def host_and_port(listen: str) -> tuple[str, int]:
    """The parts of ``127.0.0.1:9188``, ``[::1]:9188`` or ``:9188``.

    Raises:
        ValueError: It is none of these.
    """
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise ValueError("listen is not host:port. Write it as 127.0.0.1:9188")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 - what an empty host means everywhere
