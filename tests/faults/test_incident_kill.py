"""kill -9 at random moments, with Slack failing too: each incident is one message in its right state."""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from observer.slack.fake import FakeSlack, Fault, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAM = Path(__file__).with_name("incident_program.py")
KILLS = 10
GROUPS = 12


def until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {what}")
        pause.wait(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Program:
    """The program, started, killed and started again."""

    def __init__(self, store: Path, slack: FakeSlack) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, str(PROGRAM), str(store), slack.base_url, str(self.port)]
        self._environment = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin"}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, env=self._environment)
        until(self._answers, seconds=30, what="the program answers")

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def end(self) -> None:
        """SIGTERM, after which uvicorn leaves in good order and then dies of the signal."""
        assert self._process is not None
        self._process.terminate()
        assert self._process.wait(20) in {0, -signal.SIGTERM}

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/api/v1/incidents", timeout=1).status_code == 200
        except httpx.HTTPError:
            return False

    def send(self, body: dict[str, object]) -> bool:
        try:
            return httpx.post(f"{self.url}/api/v1/alerts", json=body, timeout=5).status_code == 200
        except httpx.HTTPError:
            return False


def payload(group: int, *, firing: bool) -> dict[str, object]:
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="Alert{group}"}}',
        "receiver": "observer",
        "externalURL": "http://alertmanager.invalid",
        "groupLabels": {"alertname": f"Alert{group}"},
        "alerts": [
            {
                "status": "firing" if firing else "resolved",
                "labels": {"alertname": f"Alert{group}", "severity": "critical"},
                "annotations": {"summary": f"Number {group}"},
                "startsAt": "2026-01-01T00:00:00Z",
                "endsAt": "0001-01-01T00:00:00Z" if firing else "2026-01-01T01:00:00Z",
                "fingerprint": f"{group:016x}",
            }
        ],
    }


@pytest.mark.timeout(180)
def test_ten_kills_leave_one_right_message_per_incident(tmp_path: Path) -> None:
    """Alertmanager sends until it hears 200; then no kill -9, time-out or 429 loses or doubles a message."""
    chance = random.Random(20)
    with FakeSlack(workspace=Workspace(limit_rates=False)) as slack:
        program = Program(tmp_path / "observer.db", slack)
        program.start()
        acknowledged: set[tuple[int, bool]] = set()
        finished = threading.Event()

        def alertmanager() -> None:
            """Sends each notice until it is taken: every group fires, and every second one ends."""
            pause = threading.Event()
            for firing in (True, False):
                for group in range(GROUPS):
                    if firing or group % 2:
                        while not program.send(payload(group, firing=firing)):
                            pause.wait(0.05)
                        acknowledged.add((group, firing))
                        pause.wait(chance.uniform(0.0, 0.9))
            finished.set()

        sender = threading.Thread(target=alertmanager, daemon=True)
        sender.start()
        for _ in range(KILLS):
            slack.script.add(
                chance.choice(
                    [
                        Fault(kind="drop_after", method="chat.postMessage"),
                        Fault(kind="drop_before", method="chat.postMessage"),
                        Fault(kind="http", status=502),
                        Fault(kind="ratelimited", retry_after=1),
                        Fault(kind="slow", seconds=3.0, method="chat.postMessage"),
                    ]
                )
            )
            calls = len(slack.workspace.calls) + chance.randrange(2)
            threading.Event().wait(chance.uniform(0.0, 0.4))
            until(
                lambda n=calls: len(slack.workspace.calls) >= n or finished.is_set(), seconds=10, what="calls"
            )
            program.kill()
            program.start()
        until(finished.is_set, seconds=60, what="every notice is taken")

        def delivered() -> bool:
            found = httpx.get(f"{program.url}/api/v1/incidents", timeout=5).json()["incidents"]
            states = [d["state"] for i in found for d in i["deliveries"]]
            return len(found) == GROUPS and set(states) == {"delivered"}

        until(delivered, seconds=60, what="everything is delivered")
        texts = sorted(message["text"] for message in slack.workspace.messages())
        expected = sorted(
            (f"Firing: Alert{g} (critical)" if g % 2 == 0 else f"Resolved: Alert{g}") + f": Number {g}"
            for g in range(GROUPS)
        )
        assert texts == expected
        assert slack.workspace.duplicates() == []
        assert len(acknowledged) == GROUPS + GROUPS // 2
        program.end()


@pytest.mark.timeout(60)
def test_outage_and_restart_in_its_middle_lose_nothing(tmp_path: Path) -> None:
    """What came while Slack was away goes out after it is back, though Observer was killed in between."""
    with FakeSlack(workspace=Workspace(limit_rates=False)) as slack:
        slack.script.add(Fault(kind="http", status=503, times=10_000))
        program = Program(tmp_path / "observer.db", slack)
        program.start()
        for group in range(4):
            assert program.send(payload(group, firing=True))
        until(lambda: len(slack.workspace.calls) > 1, seconds=20, what="attempts are made")
        program.kill()
        program.start()
        for group in range(3):
            assert program.send(payload(group, firing=False))
        assert slack.workspace.messages() == []
        slack.script.clear()
        until(lambda: len(slack.workspace.messages()) == 4, seconds=30, what="all messages stand")
        texts = sorted(message["text"].split(":")[0] for message in slack.workspace.messages())
        assert texts == ["Firing", "Resolved", "Resolved", "Resolved"]
        program.end()
