"""An outage of Slack with kill -9 in its middle: each incident is one message in its right state."""

from __future__ import annotations

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
