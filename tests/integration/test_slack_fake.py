"""The stand-in refuses what Slack refuses, and remembers as Slack does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from observer.slack.fake import FakeSlack

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as running:
        yield running


def call(slack: FakeSlack, method: str, token: str = "xoxb-fake", **arguments: Any) -> dict[str, Any]:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    request = Request(f"{slack.base_url}{method}", json.dumps(arguments).encode(), headers)
    with urlopen(request, timeout=5) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, "no_text"),
        ({"text": "x", "blocks": [section("x" * 3_001)]}, "invalid_blocks"),
        ({"text": "x", "blocks": [section("x")] * 51}, "invalid_blocks"),
        ({"text": "x", "blocks": [section("")]}, "invalid_blocks"),
        ({"text": "x", "blocks": [{"type": "context", "elements": []}]}, "invalid_blocks"),
        ({"text": "x", "blocks": [{"type": "table"}]}, "invalid_blocks"),
        ({"text": "x", "blocks": [section("x" * 2_900)] * 5}, "msg_blocks_too_long"),
        ({"text": "x", "attachments": [{"blocks": [section("x" * 3_001)]}]}, "invalid_attachments"),
        ({"text": "x", "attachments": [{}] * 101}, "too_many_attachments"),
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"text": "x", "metadata": {"event_type": "a"}}, "invalid_metadata_format"),
        ({"text": "x", "channel": "C0OTHER"}, "channel_not_found"),
        ({"text": "x", "thread_ts": "1.0"}, "thread_not_found"),
    ],
)
def test_what_slack_refuses_is_refused(slack: FakeSlack, arguments: dict[str, Any], error: str) -> None:
    """A message that Slack would not take is not taken here."""
    answer = call(slack, "chat.postMessage", **{"channel": "C0ALERTS", **arguments})
    assert (answer["ok"], answer["error"]) == (False, error)
    assert slack.workspace.messages() == []


def test_tokens_are_checked(slack: FakeSlack) -> None:
    """Only the right token is let in."""
    assert call(slack, "auth.test")["user_id"] == "U0OBSERVER"
    assert call(slack, "auth.test", token="xoxb-other")["error"] == "invalid_auth"
    assert call(slack, "auth.test", token="")["error"] == "not_authed"


def test_more_than_one_post_a_second_is_limited(slack: FakeSlack) -> None:
    """A short burst passes, and then Slack asks to wait."""
    for _ in range(3):
        call(slack, "chat.postMessage", channel="C0ALERTS", text="x")
    with pytest.raises(HTTPError) as limited:
        call(slack, "chat.postMessage", channel="C0ALERTS", text="x")
    assert limited.value.code == 429
    assert int(limited.value.headers["Retry-After"]) >= 1
    limited.value.close()


def test_edit_keeps_the_blocks_that_are_left_out(slack: FakeSlack) -> None:
    """As with Slack, only an empty list takes blocks away."""
    ts = call(slack, "chat.postMessage", channel="C0ALERTS", text="x", blocks=[section("b")])["ts"]
    call(slack, "chat.update", channel="C0ALERTS", ts=ts, text="y")
    assert slack.workspace.messages()[0]["blocks"] == [section("b")]
    call(slack, "chat.update", channel="C0ALERTS", ts=ts, text="y", blocks=[])
    assert slack.workspace.messages()[0]["blocks"] == []


@pytest.mark.parametrize(
    ("channel", "error"), [({"archived": True}, "is_archived"), ({"member": False}, "not_in_channel")]
)
def test_channel_can_be_closed_to_the_app(slack: FakeSlack, channel: dict[str, bool], error: str) -> None:
    """Archiving and removal of the app can be played."""
    body = json.dumps({"id": "C0ALERTS", **channel}).encode()
    with urlopen(Request(f"{slack.url}admin/channel", body), timeout=5) as answer:
        assert answer.status == 200
    assert call(slack, "chat.postMessage", channel="C0ALERTS", text="x")["error"] == error


def test_deleted_message_cannot_be_edited(slack: FakeSlack) -> None:
    """What was deleted is not found."""
    ts = call(slack, "chat.postMessage", channel="C0ALERTS", text="x")["ts"]
    assert call(slack, "chat.delete", channel="C0ALERTS", ts=ts)["ok"]
    assert call(slack, "chat.update", channel="C0ALERTS", ts=ts, text="y")["error"] == "message_not_found"


def test_faults_are_scripted_over_http(slack: FakeSlack) -> None:
    """A test in any language can have the stand-in fail, and take that back."""
    body = json.dumps({"kind": "error", "error": "fatal_error", "times": 2}).encode()
    with urlopen(Request(f"{slack.url}admin/faults", body), timeout=5):
        pass
    assert call(slack, "auth.test")["error"] == "fatal_error"
    with urlopen(Request(f"{slack.url}admin/faults", method="DELETE"), timeout=5):
        pass
    assert call(slack, "auth.test")["ok"]


def test_command_serves_the_channel() -> None:
    """``observer dev fake-slack`` runs until it is told to end, and says where to look."""
    program = "from observer.cli.dev import dev; dev()"
    with subprocess.Popen(
        [sys.executable, "-c", program, "fake-slack", "--port", "0", "--token", "xoxb-mine"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    ) as running:
        assert running.stdout is not None
        url = running.stdout.readline().split()[-1]
        with urlopen(url, timeout=5) as page:
            assert "Slack stand-in" in page.read().decode()
        with urlopen(f"{url}messages.json", timeout=5) as found:
            assert json.load(found)["channels"][0]["messages"] == []
        running.send_signal(signal.SIGTERM)
        assert running.wait(10) == 0
