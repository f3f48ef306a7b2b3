"""The start page and its JSON: incidents, what indexes brought, the store, and what stands in the way."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from observer.app.factory import create_app
from observer.config.model import Settings
from observer.reports.kept import INDEXES, keep
from observer.slack.fake import FakeSlack, Workspace
from observer.store.store import Store
from tests.conditions import wait_for
from tests.integration.serving import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack(workspace=Workspace(limit_rates=False)) as running:
        yield running


def settings(folder: Path, slack: FakeSlack) -> Settings:
    return Settings.model_validate(
        {
            "store": {"path": str(folder / "observer.db"), "size": "5MB"},
            "slack": {
                "token_file": str(folder / "token"),
                "channel": "C0ALERTS",
                "base_url": slack.base_url,
            },
        }
    )


def webhook(*, firing: bool) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": "g",
        "alerts": [
            {
                "status": "firing" if firing else "resolved",
                "labels": {"alertname": "PoolDry", "severity": "critical", "job": "observer", "pool": "<p>"},
                "annotations": {"summary": "12 threads wait"},
                "startsAt": "2026-01-01T00:00:00Z",
                "endsAt": "2026-01-01T00:10:00Z",
                "fingerprint": "a",
            }
        ],
    }


def status(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/status.json").json()
    return found


def test_incidents_are_shown_open_and_over(tmp_path: Path, slack: FakeSlack) -> None:
    """An open one is in the title, with what is the matter; over, it is shown as past. Labels are data."""
    (tmp_path / "token").write_text("xoxb-fake\n")
    with served(create_app(settings(tmp_path, slack))) as client:
        wait_for(lambda: bool(status(client)["store"]["open"]), "the store is open")
        assert "none open" in client.get("/").text
        wait_for(
            lambda: client.post("/api/v1/alerts", json=webhook(firing=True)).status_code == 200, "stored"
        )
        page = client.get("/").text
        assert "1 incident is open." in page
        assert "12 threads wait" in page
        assert "pool &lt;p&gt;" in page
        assert "job observer" not in page
        [told] = status(client)["incidents"]
        assert (told["open"], told["name"], told["severity"]) == (True, "PoolDry", "page")
        assert client.post("/api/v1/alerts", json=webhook(firing=False)).status_code == 200
        page = client.get("/").text
        assert "incident is open" not in page
        assert "Was: 12 threads wait" in page


def test_a_token_that_comes_later_is_enough(tmp_path: Path, slack: FakeSlack) -> None:
    """Without Slack's token all is served and the page says so; what came is sent once it is there."""
    with served(create_app(settings(tmp_path, slack))) as client:
        wait_for(
            lambda: client.post("/api/v1/alerts", json=webhook(firing=True)).status_code == 200, "stored"
        )
        assert client.get("/metrics").status_code == 200
        told = status(client)["slack"]
        assert str(tmp_path / "token") in told["fault"]["what"]
        assert "slack.token_file" in told["fault"]["remedy"]
        assert told["pending"] == 1
        assert "Slack is told nothing" in client.get("/").text
        (tmp_path / "token").write_text("")
        assert "is empty" in status(client)["slack"]["fault"]["what"]
        assert slack.workspace.messages() == []
        (tmp_path / "token").write_text("xoxb-fake")
        wait_for(lambda: len(slack.workspace.messages()) == 1, "the message is sent")
        wait_for(lambda: status(client)["slack"]["pending"] == 0, "nothing waits")
        assert status(client)["slack"]["fault"] is None


def test_what_slack_refuses_is_shown(tmp_path: Path, slack: FakeSlack) -> None:
    """A token that Slack does not know is named with Slack's own word."""
    (tmp_path / "token").write_text("xoxb-revoked")
    with served(create_app(settings(tmp_path, slack))) as client:
        wait_for(
            lambda: client.post("/api/v1/alerts", json=webhook(firing=True)).status_code == 200, "stored"
        )
        wait_for(lambda: status(client)["slack"]["refused"] == 1, "the refusal")
        assert "invalid_auth" in client.get("/").text


def test_before_and_after_of_built_indexes_are_shown(tmp_path: Path, slack: FakeSlack) -> None:
    """What indexes brought stands on the start page and in the list of reports; the store's size too."""
    effect = {
        "queryid": "7",
        "text": "SELECT a < b",
        "mean_before_ms": 20.0,
        "mean_after_ms": 2.0,
        "calls_after": 1200,
    }
    index = {
        "relation": "public.t",
        "name": "t_idx",
        "ddl": "CREATE INDEX",
        "seen_at": 0.0,
        "statements": [effect],
    }
    changes = {"former": 1, "compared": True, "new": [], "still": [], "resolved": [], "built": [index]}
    store = Store(tmp_path / "observer.db")
    for headline in ("Older", "Nothing to build: all is well"):
        store.write(
            lambda c, h=headline: keep(
                c, kind=INDEXES, target="main", made_at=time.time(), headline=h, document={}, changes=changes
            )
        )
    store.close()
    with served(create_app(settings(tmp_path, slack))) as client:
        wait_for(lambda: bool(status(client)["store"]["open"]), "the store is open")
        told = status(client)
        [advice] = told["advice"]
        assert advice["headline"] == "Nothing to build: all is well"
        assert 0 < told["store"]["size"] < told["store"]["bound"] == 5 * 1024**2
        sentence = "1 index was built: the statement it serves takes 90 % less time, 20 ms → 2 ms a call"
        for path in ("/", "/reports"):
            assert sentence in client.get(path).text
        page = client.get("/").text
        assert "SELECT a &lt; b" in page
        assert "10 times faster" in page
        assert "of at most 5" in page


def test_a_store_that_cannot_be_opened_is_said(tmp_path: Path, slack: FakeSlack) -> None:
    """Metrics are served, webhooks are sent back, and every page says what is wrong."""
    (tmp_path / "observer.db").write_bytes(b"These are no pages of a database." * 200)
    with served(create_app(settings(tmp_path, slack))) as client:
        wait_for(lambda: status(client)["store"]["fault"] is not None, "the fault")
        assert client.get("/metrics").status_code == 200
        assert client.post("/api/v1/alerts", json=webhook(firing=True)).status_code == 503
        assert "not a store" in client.get("/").text or "damaged" in client.get("/").text
        assert client.get("/reports").status_code == 200
