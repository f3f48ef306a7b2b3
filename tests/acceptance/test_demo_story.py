"""What the demo plays by itself, from a statement to an advice and from a lock to a green message."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import psycopg

from observer.generator.scoping import expand_targets
from tests.acceptance.published import unanswered
from tests.acceptance.test_demo import ROOT, addresses, demo, get, temporary
from tests.conditions import wait_for

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["temporary"]  # the fixture of the demo's other tests

VARIABLES = {
    "job": "observer",
    "instance": ".*",
    "target": ".*",
    "datname": ".*",
    "replica": ".*",
    "pool": ".*",
}


def test_the_story_is_told_to_its_end(temporary: Path) -> None:
    """Indexes are advised and built; a lock becomes a red message with evidence, and green; panels show.

    So do the queries of dashboards and rules that were published for the exporters whose names are kept.
    """
    with demo(temporary, "--minutes", "5") as child:
        told = addresses(child)

        def messages() -> list[dict[str, Any]]:
            channels = get(f"{told['slack']}/messages.json").json()["channels"]
            return [message for channel in channels for message in channel["messages"]]

        def about(alert: str, state: str) -> list[dict[str, Any]]:
            found = [m for m in messages() if "thread_ts" not in m or m["thread_ts"] == m["ts"]]
            return [m for m in found if m["text"].startswith(state) and alert in m["text"]]

        def built() -> bool:
            with psycopg.connect(told["postgres"]) as connection:
                query = (
                    "SELECT count(*) FROM pg_catalog.pg_stat_user_indexes WHERE indexrelname LIKE '%\\_idx%'"
                )
                return connection.execute(query).fetchone() != (0,)

        def followed() -> bool:
            reports = get(f"{told['observer']}/reports.json").json()["reports"]
            return any((report["changes"] or {}).get("resolved") for report in reports)

        wait_for(
            lambda: get(f"{told['observer']}/reports/indexes.json").is_success, "an index report", seconds=90
        )
        wait_for(built, "the demo builds what the report recommends", seconds=60)
        wait_for(lambda: about("PostgresSessionsBlocked", "Firing"), "a red message", seconds=90)
        [red] = about("PostgresSessionsBlocked", "Firing")
        wait_for(
            lambda: [m for m in messages() if m.get("thread_ts") == red["ts"] and m["ts"] != red["ts"]],
            "evidence in its thread",
            seconds=40,
        )
        wait_for(lambda: about("PostgresSessionsBlocked", "Resolved"), "the message turns green", seconds=90)
        [green] = about("PostgresSessionsBlocked", "Resolved")
        assert green["ts"] == red["ts"]
        wait_for(followed, "the next report tells what became of the advice", seconds=120)
        assert _silent_panels(told["prometheus"]) == []
        assert unanswered(told["prometheus"]) == []
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=30) == 0


def _silent_panels(prometheus: str) -> list[str]:
    """Panels of the generated dashboards whose queries Prometheus refuses; most must show data too."""
    refused, shown, asked = [], 0, 0
    for file in sorted((ROOT / "dashboards" / "generated").glob("*.json")):
        for title, expression in expand_targets(json.loads(file.read_text("utf-8")), VARIABLES):
            answer = get_query(prometheus, expression)
            asked += 1
            if answer["status"] != "success":
                refused.append(f"{file.name}: {title}: {answer.get('error')}")
            elif answer["data"]["result"]:
                shown += 1
    assert shown > 0.8 * asked, f"only {shown} of {asked} panels show anything"
    return refused


def get_query(prometheus: str, expression: str) -> dict[str, Any]:
    import httpx

    answer = httpx.get(
        f"{prometheus}/api/v1/query", params={"query": expression}, timeout=10, trust_env=False
    )
    found: dict[str, Any] = answer.json()
    return found
