"""kill -9 of the real program at random moments, between a real Alertmanager and the stand-in for Slack."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml

from observer.demo.servers import AlertmanagerServer, ordinary_account
from observer.demo.servers.account import write_file
from observer.demo.servers.ports import free_port
from tests.conditions import wait_for
from tests.serving import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KILLS = 10
GROUPS = 8
SLACK_TOKEN = "xoxb-kill"
WEBHOOK_TOKEN = "t0ken-of-the-webhook"
PROGRAM = (sys.executable, "-m", "observer")


class Slack:
    """``observer dev fake-slack`` as a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        port = self.url.rsplit(":", 1)[1]
        options = ("--port", port, "--token", SLACK_TOKEN, "--channel", "C0ALERTS=alerts")
        with (folder / "slack.log").open("wb") as log:
            self.process = subprocess.Popen(
                [*PROGRAM, "dev", "fake-slack", *options], cwd=ROOT, stdout=log, stderr=log
            )
        # One client for all: to make one costs more than what it asks.
        self._client = httpx.Client(base_url=self.url, trust_env=False, timeout=20)
        wait_for(self._answers, "the stand-in answers", seconds=60)

    def _answers(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return self._client.get("/messages.json").is_success
        return False

    def messages(self) -> list[dict[str, Any]]:
        [channel] = self._client.get("/messages.json").json()["channels"]
        found: list[dict[str, Any]] = channel["messages"]
        return found

    def texts(self) -> list[str]:
        return sorted(message["text"] for message in self.messages())

    def end(self) -> None:
        self._client.close()
        self.process.terminate()
        self.process.wait(20)

    def fail(self, **fault: object) -> None:
        """Have it do something wrong once."""
        answer = self._client.post("/admin/faults", json=fault)
        assert answer.is_success, answer.text


class Observer:
    """``observer serve`` with one file of settings: started, killed, started again."""

    def __init__(self, folder: Path, slack: Slack, alertmanager: str, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._folder = folder
        self._file = folder / "observer.yml"
        (folder / "slack-token").write_text(SLACK_TOKEN)
        (folder / "webhook-token").write_text(WEBHOOK_TOKEN)
        settings = {
            "listen": f"127.0.0.1:{port}",
            "store": {"path": str(folder / "observer.db")},
            "slack": {
                "token_file": str(folder / "slack-token"),
                "channel": "C0ALERTS",
                "base_url": f"{slack.url}/api/",
            },
            "alerts": {"token_file": str(folder / "webhook-token"), "alertmanagers": [alertmanager]},
        }
        self._file.write_text(yaml.safe_dump(settings))
        self.process: subprocess.Popen[bytes] | None = None
        self._client = httpx.Client(base_url=self.url, trust_env=False, timeout=20)

    def start(self) -> None:
        with (self._folder / "observer.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*PROGRAM, "serve", "--config", str(self._file)], cwd=ROOT, stdout=log, stderr=log
            )

    def kill(self) -> None:
        assert self.process is not None
        assert self.process.poll() is None, (self._folder / "observer.log").read_text()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)

    def end(self) -> int:
        """End it as an orchestrator does; its exit code."""
        assert self.process is not None
        self._client.close()
        self.process.terminate()
        return self.process.wait(30)

    def takes_alerts(self) -> bool:
        """Whether the store is open, so that webhooks are taken."""
        with contextlib.suppress(httpx.TransportError):
            return self._client.get("/api/v1/incidents").is_success
        return False

    def deliveries(self) -> list[str]:
        found = self._client.get("/api/v1/incidents").json()["incidents"]
        return [one["state"] for incident in found for one in incident["deliveries"]]


@pytest.fixture
def slack(tmp_path: Path) -> Iterator[Slack]:
    running = Slack(tmp_path)
    yield running
    running.end()


@pytest.fixture
def alertmanager(server_root: Path, tmp_path: Path) -> Iterator[tuple[AlertmanagerServer, int]]:
    """Alertmanager with the generated configuration, token and all; and the port that it tells."""
    port = free_port()
    token = write_file(server_root / "kill-webhook-token", WEBHOOK_TOKEN, ordinary_account())
    subprocess.run(
        [
            *(*PROGRAM, "generate", "alertmanager", "--out", str(tmp_path / "generated")),
            *("--for-scale", "0.001", "--set", f"webhook_token_file={token}"),
            *("--set", f"webhook_url=http://127.0.0.1:{port}/api/v1/alerts"),
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    [file] = (tmp_path / "generated").rglob("alertmanager.yml")
    config = yaml.safe_load(file.read_text("utf-8"))
    with AlertmanagerServer.create(server_root / "kill-alertmanager", config=config) as server:
        yield server, port


def post(url: str, number: int, *, over: bool = False) -> None:
    """Tell Alertmanager of an alert, as Prometheus does."""
    now = datetime.now(UTC)
    alert = {
        "labels": {"alertname": f"Alert{number}", "severity": "page"},
        "annotations": {"summary": f"Number {number}"},
        "startsAt": (now - timedelta(minutes=5)).isoformat(),
        "endsAt": (now if over else now + timedelta(hours=1)).isoformat(),
    }
    httpx.post(f"{url}/api/v2/alerts", json=[alert], trust_env=False, timeout=20).raise_for_status()


def test_ten_kills_leave_each_incident_with_one_message_in_its_final_state(
    alertmanager: tuple[AlertmanagerServer, int], slack: Slack, tmp_path: Path
) -> None:
    """Whatever moment kill -9 strikes, starting up included, and though answers of Slack get lost besides."""
    seed = int(os.environ.get("OBSERVER_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
    print(f"OBSERVER_TEST_SEED={seed}")
    chance = random.Random(seed)
    server, port = alertmanager
    observer = Observer(tmp_path, slack, server.url, port)
    told = threading.Event()
    failed: list[BaseException] = []

    def happen() -> None:
        """Every alert fires; every second one ends once its message was there to be edited."""
        pause = threading.Event()
        waits = random.Random(seed + 1)
        try:
            for number in range(GROUPS):
                post(server.url, number)
                pause.wait(waits.uniform(0.0, 1.0))
            for number in range(1, GROUPS, 2):
                wait_for(
                    lambda n=number: any(f"Alert{n} " in text for text in slack.texts()),
                    f"a message for Alert{number}",
                    seconds=180,
                )
                post(server.url, number, over=True)
                pause.wait(waits.uniform(0.0, 1.0))
        except BaseException as fault:  # noqa: BLE001 - told by the test itself
            failed.append(fault)
        finally:
            told.set()

    happening = threading.Thread(target=happen, daemon=True)
    happening.start()
    for kill in range(KILLS):
        observer.start()
        if kill % 3 == 0:
            slack.fail(kind=chance.choice(["drop_after", "drop_before"]), method="chat.postMessage")
        if kill % 3:
            # Two of three strike while it works, the others while it starts.
            wait_for(observer.takes_alerts, "Observer takes alerts", seconds=60)
        threading.Event().wait(chance.uniform(0.0, 1.0))
        observer.kill()
    observer.start()
    assert told.wait(200)
    assert failed == []
    expected = sorted(
        (f"Resolved: Alert{n}" if n % 2 else f"Firing: Alert{n} (page)") + f": Number {n}"
        for n in range(GROUPS)
    )
    wait_for(lambda: slack.texts() == expected, "each incident is one message in its state", seconds=90)
    wait_for(lambda: set(observer.deliveries()) == {"delivered"}, "all is delivered", seconds=30)
    # Nothing is on its way that would change it again.
    assert slack.texts() == expected
    assert observer.end() == 0
