"""The volume of the store is full under the real program: nothing is lost, and it recovers by itself."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING, Any

import pytest

from observer.slack.fake import FakeSlack, Workspace
from tests.conditions import wait_for
from tests.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack(workspace=Workspace(limit_rates=False)) as running:
        yield running


def webhook(number: int, *, firing: bool = True) -> dict[str, Any]:
    """Long enough that a hundred of them fill more than what is left."""
    return {
        "version": "4",
        "groupKey": f"group-{number}",
        "alerts": [
            {
                "status": "firing" if firing else "resolved",
                "labels": {"alertname": f"Alert{number}", "severity": "page"},
                "annotations": {"summary": f"Number {number}", "description": "x" * 40_000},
                "startsAt": "2026-01-01T00:00:00Z",
                "endsAt": "2026-01-01T01:00:00Z",
                "fingerprint": f"{number:016x}",
            }
        ],
    }


def test_a_full_volume_sends_webhooks_back_and_loses_nothing(tmp_path: Path, slack: FakeSlack) -> None:
    """503 while the file cannot grow, with metrics served all the same; then the same webhook is taken.

    The kernel refuses the process any byte beyond a size, as it does on a volume without room.
    """
    config = {
        "store": {"path": str(tmp_path / "observer.db")},
        "slack": {"token": "xoxb-fake", "channel": "C0ALERTS", "base_url": slack.base_url},
    }
    with Serving(tmp_path, config) as observer:

        def send(number: int, *, firing: bool = True) -> int:
            return observer.client.post("/api/v1/alerts", json=webhook(number, firing=firing)).status_code

        wait_for(lambda: send(0) == 200, "the store is open")
        room = max(file.stat().st_size for file in tmp_path.glob("observer.db*")) + 200_000
        unlimited = resource.prlimit(
            observer.process.pid, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY)
        )
        taken, refused = [0], None
        for number in range(1, 200):
            if send(number) == 200:
                taken.append(number)
            else:
                refused = number
                break
        assert refused is not None
        answer = observer.client.post("/api/v1/alerts", json=webhook(refused))
        assert answer.status_code == 503
        assert "The store" in answer.json()["error"]
        for path in ("/metrics", "/", "/healthz", "/api/v1/incidents"):
            assert observer.client.get(path).status_code == 200
        # There is room again: Alertmanager sends what was not taken once more, and all is told once.
        resource.prlimit(observer.process.pid, resource.RLIMIT_FSIZE, unlimited)
        wait_for(lambda: send(refused) == 200, "the webhook is taken")
        assert send(0, firing=False) == 200
        expected = sorted(
            [f"Firing: Alert{n} (page): Number {n}" for n in (*taken[1:], refused)]
            + ["Resolved: Alert0: Number 0"]
        )

        def texts() -> list[str]:
            return sorted(message["text"] for message in slack.workspace.messages())

        wait_for(lambda: texts() == expected, "all is told", seconds=60)
        assert slack.workspace.duplicates() == []
        assert observer.stop() == 0
