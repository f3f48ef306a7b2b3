"""The webhook endpoint: 200 after COMMIT, 503 while it cannot store, 4xx for what will never do."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from observer.app.alerts import alerts_router
from observer.app.telling import webhook_token
from observer.config.model import Settings
from observer.errors import TargetUnreachable
from observer.incidents.finding import Finding
from observer.incidents.model import Evidence, Incident, Severity
from observer.incidents.service import Incidents
from observer.incidents.settings import IncidentSettings
from observer.slack.fake import FakeSlack, Workspace
from observer.store.store import Store
from tests.conditions import wait_for
from tests.integration.serving import served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def until(condition: Callable[[], bool]) -> None:
    wait_for(condition, "what follows from a notice")


class Told:
    """A source of evidence that says what it was given."""

    def __init__(self) -> None:
        self.words: str | None = None

    def evidence(self, incident: Incident) -> Evidence | None:
        assert incident.id
        return None if self.words is None else Evidence(title=self.words)


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack(workspace=Workspace(limit_rates=False)) as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "observer.db")
    yield opened
    opened.close()


@pytest.fixture
def source() -> Told:
    return Told()


@pytest.fixture
def incidents(store: Store, slack: FakeSlack, source: Told) -> Iterator[Incidents]:
    settings = IncidentSettings(
        slack_token=lambda: "xoxb-fake", channel="C0ALERTS", base_url=slack.base_url, keeper_seconds=0.1
    )
    running = Incidents(store=store, settings=settings, evidence=(source,))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def web(incidents: Incidents) -> Iterator[httpx.Client]:
    app = FastAPI()
    app.include_router(alerts_router(incidents=incidents, bearer=lambda: "s3cret", body_bytes=100_000))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    headers = {"Authorization": "Bearer s3cret"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=15) as client:
        yield client
    server.should_exit = True
    thread.join(10)


def payload(*, firing: bool = True, severity: str = "critical") -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": "g",
        "alerts": [
            {
                "status": "firing" if firing else "resolved",
                "labels": {"alertname": "Down", "severity": severity},
                "startsAt": "2026-01-01T00:00:00Z",
                "endsAt": "2026-01-01T00:10:00Z",
                "fingerprint": "a",
            }
        ],
    }


def test_stored_webhook_is_answered_and_shown(web: httpx.Client, slack: FakeSlack) -> None:
    """A webhook that was answered with 200 becomes a message, and the list shows both."""
    answer = web.post("/api/v1/alerts", json=payload())
    assert (answer.status_code, answer.json()["opened"]) == (200, 1)
    until(lambda: len(slack.workspace.messages()) == 1)
    until(
        lambda: web.get("/api/v1/incidents").json()["incidents"][0]["deliveries"][0]["state"] == "delivered"
    )
    again = web.post("/api/v1/alerts", json=payload())
    assert again.json() == {"ok": True, "opened": 0, "changed": 0, "resolved": 0, "ignored": 0}


@pytest.mark.parametrize(
    ("given", "headers", "status"),
    [
        (b"{", {}, 400),
        (b'{"version": "3", "groupKey": "g", "alerts": []}', {}, 400),
        (b"{}", {"Authorization": "Bearer other"}, 401),
        (b"{}", {"Authorization": b"Bearer s3cr\xc3\xa9t"}, 401),
        (b"{}", {"Authorization": ""}, 401),
        (b" " * 100_001, {}, 413),
    ],
)
def test_refusals_have_one_shape(
    web: httpx.Client, given: bytes, headers: dict[str, Any], status: int
) -> None:
    """What will never be taken is refused with what is wrong, in the shape of every error."""
    answer = web.post("/api/v1/alerts", content=given, headers=headers)
    assert answer.status_code == status
    assert answer.json().keys() == {"ok", "error", "errors", "status"}
    assert answer.json()["status"] == status


@pytest.mark.parametrize("content", [None, "", " \n"], ids=["absent", "empty", "blank"])
def test_a_token_that_is_not_there_lets_nobody_in(
    incidents: Incidents, tmp_path: Path, content: str | None
) -> None:
    """Without the token's file, or with nothing in it, Alertmanager is told why, and to send again."""
    file = tmp_path / "webhook-token"
    if content is not None:
        file.write_text(content)
    app = FastAPI()
    settings = Settings.model_validate({"alerts": {"token_file": str(file)}})
    app.include_router(alerts_router(incidents=incidents, bearer=webhook_token(settings)))
    with served(app) as client:
        for given in ("", "Bearer", "Bearer x"):
            answer = client.post("/api/v1/alerts", json=payload(), headers={"Authorization": given})
            assert answer.status_code == 503
            assert str(file) in answer.json()["error"]
        file.write_text("t0ken\n")
        answer = client.post("/api/v1/alerts", json=payload(), headers={"Authorization": "Bearer t0ken"})
        assert answer.status_code == 200


def test_long_body_without_length_is_refused(web: httpx.Client) -> None:
    """A body that does not announce its length is cut off at the limit."""
    answer = web.post("/api/v1/alerts", content=(b" " * 50_000 for _ in range(3)))
    assert answer.status_code == 413


def test_store_that_cannot_write_asks_for_the_webhook_again(
    web: httpx.Client, store: Store, slack: FakeSlack
) -> None:
    """503 makes Alertmanager send again; when there is room, the same webhook is taken."""
    pages = store.size().file // 4096 + store.size().free_pages
    store.write(lambda c: c.exec_driver_sql(f"PRAGMA max_page_count = {pages}").scalar())
    big = payload()
    big["alerts"][0]["annotations"] = {"description": "x" * 60_000}
    answer = web.post("/api/v1/alerts", json=big)
    assert answer.status_code == 503
    assert "disk is full" in answer.json()["error"]
    assert web.post("/api/v1/alerts", json=big).status_code == 200
    until(lambda: len(slack.workspace.messages()) == 1)


def test_closed_store_asks_for_the_webhook_again(
    web: httpx.Client, store: Store, incidents: Incidents
) -> None:
    """While Observer ends, webhooks are sent back for later."""
    incidents.stop()
    store.close()
    assert web.post("/api/v1/alerts", json=payload()).status_code == 503


def test_evidence_is_posted_once_and_edited(web: httpx.Client, slack: FakeSlack, source: Told) -> None:
    """What the data says stands in the thread as one reply that changes, and calls nobody."""
    source.words = "One statement takes all the time <!channel>"
    web.post("/api/v1/alerts", json=payload())
    until(lambda: len(slack.workspace.messages()) == 2)
    main, reply = slack.workspace.messages()
    assert reply["thread_ts"] == main["ts"]
    assert "<!channel>" not in json.dumps(reply)
    source.words = "It is over"
    web.post("/api/v1/alerts", json=payload(firing=False))
    until(lambda: slack.workspace.messages()[1]["text"] == "It is over")
    assert len(slack.workspace.messages()) == 2


def test_what_several_sources_say_stands_in_one_reply(store: Store, slack: FakeSlack) -> None:
    """In their order; one that fails is asked once a round, however many wait, and silences none."""

    class Broken:
        asked = 0

        def evidence(self, incident: Incident) -> Evidence | None:
            Broken.asked += 1
            raise TargetUnreachable(f"nobody answers for {incident.id}")

    first, second = Told(), Told()
    first.words, second.words = "Who blocks whom", "What became slower"
    settings = IncidentSettings(
        slack_token=lambda: "xoxb-fake", channel="C0ALERTS", base_url=slack.base_url, keeper_seconds=0.1
    )
    running = Incidents(store=store, settings=settings, evidence=(first, Broken(), second))
    findings = [
        Finding(kind="Slow", target="main", subject=f"s{n}", severity=Severity.INFO, title="It is slow")
        for n in range(2)
    ]
    running.tell("advisor", findings)
    running.start()
    try:
        until(lambda: len(slack.workspace.messages()) == 4)
    finally:
        running.stop()
    replies = [message for message in slack.workspace.messages() if message.get("thread_ts")]
    for reply in replies:
        shown = json.dumps(reply["blocks"])
        assert shown.index("Who blocks whom") < shown.index("What became slower")
    assert len(replies) == 2
    assert Broken.asked == 1


def test_findings_are_told_and_ended(incidents: Incidents, slack: FakeSlack) -> None:
    """What a source finds is an incident while it finds it."""
    finding = Finding(
        kind="IndexUnused",
        target="main",
        subject="public.orders",
        severity=Severity.INFO,
        title="An index is never used",
    )
    incidents.tell("advisor", [finding])
    incidents.tell("advisor", [finding])
    until(lambda: len(slack.workspace.messages()) == 1)
    incidents.tell("advisor", [])
    until(lambda: slack.workspace.messages()[0]["text"].startswith("Resolved"))
    assert len(slack.workspace.messages()) == 1


def test_settings_do_not_show_the_token() -> None:
    """Settings that are printed hold no secret."""
    assert "canary" not in repr(IncidentSettings(slack_token=lambda: "canary", channel="C0ALERTS"))
