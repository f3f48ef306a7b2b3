"""Logs: one line of JSON for machines, libraries included, and nothing below the level."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest
import structlog

from observer import logs

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Our events and those of libraries have the same shape."""
    logs.configure(style="json", level="info")
    structlog.get_logger("observer").warning("fault", target="main")
    logging.getLogger("a.library").error("oh %s", "no")
    structlog.get_logger("observer").debug("quiet")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["level"]) for line in lines] == [("fault", "warning"), ("oh no", "error")]
    assert lines[0]["target"] == "main"
    assert all(line["timestamp"].endswith("Z") for line in lines)


def test_tracebacks_hold_no_values(capsys: pytest.CaptureFixture[str]) -> None:
    """Local variables may be passwords."""
    logs.configure(style="json", level="info")
    password = "c4n4ry"
    try:
        _ = {0: 0}[len(password)]
    except KeyError:
        structlog.get_logger("observer").exception("failed")
    [line] = capsys.readouterr().err.splitlines()
    assert "KeyError" in json.loads(line)["exception"]
    assert "c4n4ry" not in line


def test_text_without_a_terminal_has_no_colours(capsys: pytest.CaptureFixture[str]) -> None:
    """Escapes are for terminals."""
    logs.configure(style="text", level="info")
    structlog.get_logger("observer").info("hello", target="main")
    text = capsys.readouterr().err
    assert "hello" in text
    assert "\x1b" not in text


def test_requests_are_not_told_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    """Clients of HTTP speak of what goes wrong only."""
    logs.configure(style="json", level="info")
    logging.getLogger("httpx").info("GET /")
    assert capsys.readouterr().err == ""
