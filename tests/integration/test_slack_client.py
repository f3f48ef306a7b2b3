"""The client over real sockets: every failure has a meaning, and nothing is sent twice."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from observer.errors import ConfigurationError, Kind
from observer.slack.client import Posted, SlackClient
from observer.slack.fake import FakeSlack, Fault, Workspace
from observer.slack.faults import Scope, SlackFault
from observer.slack.message import RED, Message, context, section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from observer.slack.recorder import Metric

CHANNEL = "C0ALERTS"
HELLO = Message(text="Firing: it", blocks=(section("*it*"),), bar=RED, barred=(context("now"),))


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack(workspace=Workspace(limit_rates=False)) as running:
        yield running


@pytest.fixture
def client(slack: FakeSlack) -> SlackClient:
    return SlackClient(token=lambda: "xoxb-fake", base_url=slack.base_url, seconds=1)


def post(client: SlackClient, delivery_id: str = "d1", *, thread_ts: str = "") -> Posted:
    return client.post(CHANNEL, HELLO, delivery_id=delivery_id, thread_ts=thread_ts)


def test_message_is_posted_edited_and_found(slack: FakeSlack, client: SlackClient) -> None:
    """The three things that are done to messages work, and an edit replaces all of the old one."""
    place = post(client)
    client.update(place, Message(text="Resolved: it"), delivery_id="d1")
    (message,) = slack.workspace.messages()
    assert (message["text"], message["blocks"], message["attachments"]) == ("Resolved: it", [], [])
    assert client.find(CHANNEL, delivery_id="d1", since=0) == place
    assert client.find(CHANNEL, delivery_id="other", since=0) is None


@pytest.mark.parametrize("absent", [True, False])
def test_without_a_token_nothing_is_sent_and_it_passes(slack: FakeSlack, *, absent: bool) -> None:
    """A token that is not there yet is a fault to be tried again, told with what to do."""
    tokens = [""]

    def token() -> str:
        if absent and not tokens[-1]:
            raise ConfigurationError("the secret file x cannot be read: No such file or directory")
        return tokens[-1]

    client = SlackClient(token=token, base_url=slack.base_url, seconds=1)
    with pytest.raises(SlackFault, match="no token") as refused:
        post(client)
    assert (refused.value.outcome, refused.value.scope) == (Kind.RETRYABLE, Scope.TOKEN)
    assert refused.value.remedy
    assert slack.workspace.calls == []
    tokens.append("xoxb-fake")
    assert post(client).ts


def test_reply_is_found_in_its_thread(client: SlackClient) -> None:
    """Replies are looked for where they are: history does not list them."""
    parent = post(client)
    reply = post(client, "d2", thread_ts=parent.ts)
    assert client.find(CHANNEL, delivery_id="d2", since=0) is None
    assert client.find(CHANNEL, delivery_id="d2", since=0, thread_ts=parent.ts) == reply


def test_message_is_found_beyond_the_first_page(client: SlackClient) -> None:
    """A busy channel does not hide a post."""
    place = post(client, "wanted")
    for number in range(101):
        post(client, f"later{number}")
    assert client.find(CHANNEL, delivery_id="wanted", since=0) == place


def test_channel_name_becomes_its_id(client: SlackClient) -> None:
    """A post to a name tells the ID, which edits need."""
    assert client.post("#alerts", HELLO, delivery_id="d").channel == CHANNEL


@pytest.mark.parametrize(
    ("fault", "kind", "scope"),
    [
        (Fault(kind="ratelimited", retry_after=7), Kind.RETRYABLE, Scope.RATE),
        (Fault(kind="http", status=500), Kind.AMBIGUOUS, Scope.SERVER),
        (Fault(kind="http", status=503), Kind.AMBIGUOUS, Scope.SERVER),
        (Fault(kind="garbage"), Kind.AMBIGUOUS, Scope.SERVER),
        (Fault(kind="drop_before"), Kind.AMBIGUOUS, Scope.TRANSPORT),
        (Fault(kind="drop_after"), Kind.AMBIGUOUS, Scope.TRANSPORT),
        (Fault(kind="slow", seconds=1.5), Kind.AMBIGUOUS, Scope.TRANSPORT),
        (Fault(kind="error", error="internal_error"), Kind.AMBIGUOUS, Scope.SERVER),
        (Fault(kind="error", error="service_unavailable"), Kind.RETRYABLE, Scope.SERVER),
        (Fault(kind="error", error="token_revoked"), Kind.PERMANENT, Scope.TOKEN),
        (Fault(kind="error", error="is_archived"), Kind.PERMANENT, Scope.CHANNEL),
        (Fault(kind="error", error="message_not_found"), Kind.PERMANENT, Scope.MESSAGE),
        (Fault(kind="error", error="msg_blocks_too_long"), Kind.PERMANENT, Scope.CONTENT),
    ],
)
def test_failure_has_its_meaning_and_is_one_request(
    slack: FakeSlack, client: SlackClient, fault: Fault, kind: Kind, scope: Scope
) -> None:
    """Each failure is told apart, and no call is repeated behind the sender's back."""
    slack.script.add(fault)
    with pytest.raises(SlackFault) as failed:
        post(client)
    assert (failed.value.outcome, failed.value.scope) == (kind, scope)
    assert failed.value.retry_after == (7 if fault.kind == "ratelimited" else None)
    assert len(slack.workspace.calls) == 1


def test_refused_connection_is_safe_to_repeat() -> None:
    """Where nobody listens nothing was sent."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    client = SlackClient(token=lambda: "t", base_url=f"http://127.0.0.1:{port}/api/")
    with pytest.raises(SlackFault) as failed:
        post(client)
    assert failed.value.outcome is Kind.RETRYABLE


def test_wrong_token_is_told_without_the_token(slack: FakeSlack) -> None:
    """A refusal names what to mend and never the secret."""
    client = SlackClient(token=lambda: "xoxb-canary", base_url=slack.base_url)
    with pytest.raises(SlackFault) as failed:
        post(client)
    assert failed.value.error == "invalid_auth"
    assert failed.value.remedy
    assert "canary" not in repr(failed.value) + failed.value.sentence


def test_proxy_settings_hold(slack: FakeSlack, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTPS_PROXY and HTTP_PROXY are used, and NO_PROXY excepts from them."""
    monkeypatch.setenv("http_proxy", slack.url)
    monkeypatch.setenv("no_proxy", "")
    proxied = SlackClient(token=lambda: "xoxb-fake", base_url="http://slack.invalid/api/")
    # The stand-in answers whole URLs as well: the name, which does not resolve, was left to the proxy.
    assert post(proxied).channel == CHANNEL
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert post(SlackClient(token=lambda: "xoxb-fake", base_url=slack.base_url)).channel == CHANNEL


def test_calls_are_counted_by_outcome(slack: FakeSlack) -> None:
    """Requests, their outcome and the seconds that Slack asked to wait are counted."""
    counted: list[tuple[str, tuple[str, ...]]] = []

    class Counter:
        def add(self, metric: Metric, value: float = 1.0, *labels: str) -> None:
            assert value >= 0
            counted.append((metric.name, labels))

    client = SlackClient(token=lambda: "xoxb-fake", base_url=slack.base_url, recorder=Counter())
    slack.script.add(Fault(kind="ratelimited"))
    with pytest.raises(SlackFault):
        post(client)
    post(client)
    assert ("observer_slack_requests_total", ("chat.postMessage", "rate")) in counted
    assert ("observer_slack_requests_total", ("chat.postMessage", "ok")) in counted
    assert ("observer_slack_rate_limited_seconds_total", ()) in counted
