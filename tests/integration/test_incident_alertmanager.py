"""The real Alertmanager in front, the stand-in for Slack behind."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from observer.deadlines import Deadline
from observer.errors import TargetUnreachable
from observer.incidents.alertmanager import ask, fingerprints
from observer.incidents.machine import PATIENCE_SECONDS
from observer.incidents.model import Alert, Notice
from observer.incidents.service import Incidents
from observer.incidents.settings import IncidentSettings
from observer.slack.fake import FakeSlack, Workspace
from observer.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.alertmanager  # it runs Alertmanager

PROGRAM = Path(__file__).parents[1] / "faults" / "incident_program.py"


def until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {what}")
        pause.wait(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ready(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1).status_code == 200
    except httpx.HTTPError:
        return False


def alertmanager(configuration: Path, data: Path, port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            shutil.which("prometheus-alertmanager") or "alertmanager",
            f"--config.file={configuration}",
            f"--storage.path={data}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
            "--log.level=error",
        ]
    )


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack(workspace=Workspace(limit_rates=False)) as running:
        yield running


@pytest.fixture
def alertmanager_url(slack: FakeSlack, tmp_path: Path) -> Iterator[str]:
    """Alertmanager that sends to Observer, which sends to the stand-in."""
    port, observer = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    configuration = tmp_path / "alertmanager.yml"
    configuration.write_text(
        f"""
route:
  receiver: observer
  group_by: [alertname]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
receivers:
- name: observer
  webhook_configs:
  - url: http://127.0.0.1:{observer}/api/v1/alerts
"""
    )
    with (
        subprocess.Popen(
            [sys.executable, str(PROGRAM), str(tmp_path / "observer.db"), slack.base_url, str(observer), url],
            env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin"},
        ) as program,
        alertmanager(configuration, tmp_path / "data", port) as server,
    ):
        try:
            until(lambda: ready(f"{url}/-/ready"), seconds=60, what="Alertmanager is ready")
            incidents = f"http://127.0.0.1:{observer}/api/v1/incidents"
            until(lambda: ready(incidents), seconds=60, what="Observer is ready")
            yield url
        finally:
            program.terminate()
            server.terminate()


def post(url: str, instance: str, *, over: bool = False) -> None:
    now = datetime.now(UTC)
    alert = {
        "labels": {"alertname": "PostgresDown", "instance": instance, "severity": "critical"},
        "annotations": {"summary": "PostgreSQL does not answer", "runbook_url": "https://example.org/r"},
        "startsAt": (now - timedelta(minutes=5)).isoformat(),
        "endsAt": (now if over else now + timedelta(hours=1)).isoformat(),
        "generatorURL": "http://prometheus.example/graph?g0.expr=up",
    }
    assert httpx.post(f"{url}/api/v2/alerts", json=[alert], timeout=5).status_code == 200


def test_alert_becomes_one_message_and_turns_green(alertmanager_url: str, slack: FakeSlack) -> None:
    """From Alertmanager's API to the channel: one message, edited when it grows, green at its end."""
    post(alertmanager_url, "db1")
    until(lambda: len(slack.workspace.messages()) == 1, seconds=60, what="the message stands")
    (message,) = slack.workspace.messages()
    assert message["text"].startswith("Firing: PostgresDown on instance db1 (critical)")
    post(alertmanager_url, "db2")
    until(
        lambda: "2 of 2 fire" in str(slack.workspace.messages()[0]["attachments"]),
        seconds=60,
        what="the second alert is in the message",
    )
    post(alertmanager_url, "db1", over=True)
    post(alertmanager_url, "db2", over=True)
    until(
        lambda: slack.workspace.messages()[0]["text"].startswith("Resolved"),
        seconds=60,
        what="the message turns green",
    )
    (message,) = slack.workspace.messages()
    assert message["attachments"][0]["color"] == "#1f9d55"
    assert "edited" in message


def test_fingerprints_are_those_of_webhooks(alertmanager_url: str, slack: FakeSlack) -> None:
    """Alertmanager's API names alerts as its webhooks do, so that both can be compared."""
    post(alertmanager_url, "db1")
    until(lambda: len(slack.workspace.messages()) == 1, seconds=60, what="the message stands")
    report = ask([alertmanager_url])
    assert report.complete
    assert len(report.fingerprints) == 1


@pytest.fixture
def empty_alertmanager_url(tmp_path: Path) -> Iterator[str]:
    """Alertmanager that was just started and knows nothing."""
    port = free_port()
    configuration = tmp_path / "empty.yml"
    configuration.write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    with alertmanager(configuration, tmp_path / "empty", port) as server:
        url = f"http://127.0.0.1:{port}"
        until(lambda: ready(f"{url}/-/ready"), seconds=60, what="Alertmanager is ready")
        yield url
        server.terminate()


class Ahead:
    """The machine's clock, set ahead by hand."""

    def __init__(self) -> None:
        self.by = 0.0

    def now(self) -> float:
        return time.time() + self.by

    def monotonic(self) -> float:
        return time.monotonic()


def test_end_that_was_never_told_is_found(
    empty_alertmanager_url: str, slack: FakeSlack, tmp_path: Path
) -> None:
    """An Alertmanager that forgot an alert never tells its end; the message does not stay red for ever."""
    store, clock = Store(tmp_path / "observer.db"), Ahead()
    settings = IncidentSettings(
        slack_token=lambda: "xoxb-fake",
        channel="C0ALERTS",
        base_url=slack.base_url,
        alertmanagers=(empty_alertmanager_url,),
        keeper_seconds=0.1,
    )
    incidents = Incidents(store=store, settings=settings, clock=clock)
    alert = Alert(
        fingerprint="a",
        firing=True,
        labels={"alertname": "Down"},
        annotations={},
        starts_at=clock.now(),
    )
    notice = Notice(
        group_key="g", receiver="r", external_url="", group_labels={}, truncated=0, alerts=(alert,)
    )
    incidents.accept(notice).result(5)
    incidents.start()

    def missing() -> bool:
        ((incident, _),) = incidents.recent()
        return incident.members["a"].missing_since is not None

    until(missing, seconds=60, what="the alert is missed")
    assert slack.workspace.messages()[0]["text"].startswith("Firing")
    clock.by = PATIENCE_SECONDS + 1
    until(
        lambda: slack.workspace.messages()[0]["text"].startswith("No longer reported"),
        seconds=60,
        what="the message is closed",
    )
    incidents.stop()
    store.close()


def test_alertmanager_that_is_down_is_told_without_password() -> None:
    """An Alertmanager that does not answer makes a report incomplete, and its password stays secret."""
    url = f"http://user:canary@127.0.0.1:{free_port()}"
    report = ask([url])
    assert not report.complete
    assert "canary" not in report.failures[0]
    with pytest.raises(TargetUnreachable):
        fingerprints(url, Deadline(5, "asking"))
