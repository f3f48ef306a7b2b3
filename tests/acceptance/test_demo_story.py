"""What the demo plays by itself, from a statement to an advice and from a lock to a green message."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest

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

LACKING = ("reviews (recipe_id", "recipes (user_id", "meal_plan_entries (meal_plan_id")


@pytest.mark.timeout(900)
def test_the_story_is_told_to_its_end(temporary: Path) -> None:
    """Indexes are advised and built; a lock becomes a red message with evidence, and green; panels show.

    So do the queries of dashboards and rules that were published for the exporters whose names are kept.
    """
    with demo(temporary, "--minutes", "9") as child:
        told = addresses(child)

        def messages() -> list[dict[str, Any]]:
            channels = get(f"{told['slack']}/messages.json").json()["channels"]
            return [message for channel in channels for message in channel["messages"]]

        def about(alert: str, state: str) -> list[dict[str, Any]]:
            found = [m for m in messages() if "thread_ts" not in m or m["thread_ts"] == m["ts"]]
            return [m for m in found if m["text"].startswith(state) and alert in m["text"]]

        def observer(path: str) -> Any:
            answer = get(f"{told['observer']}{path}")
            return answer.json() if answer.is_success else {}

        def replies(ts: str) -> list[str]:
            return [m["text"] for m in messages() if m.get("thread_ts") == ts and m["ts"] != ts]

        wait_for(lambda: bool(observer("/reports/indexes.json")), "an index report", seconds=150)

        def missing() -> list[str]:
            # The first report has them all, unless the machine was so busy that some statement came after it.
            reports = observer("/reports.json").get("reports", [])
            said = "".join(get(f"{told['observer']}/reports/{one['id']}.sql").text for one in reports)
            return [lacking for lacking in LACKING if f"ON public.{lacking}" not in said]

        wait_for(lambda: not missing(), lambda: f"advice on {missing()}", seconds=240)

        def brought() -> str:
            return "".join(one["brought"] for one in observer("/status.json").get("advice", []))

        # The demo builds what the first report recommends; the next one tells what that brought.
        wait_for(lambda: "less time" in brought(), "the statements' times fall", seconds=180)
        assert brought() in get(f"{told['observer']}/").text
        assert brought() in get(f"{told['observer']}/reports").text
        wait_for(lambda: bool(about("PostgresSessionsBlocked", "Firing")), "a red message", seconds=120)
        [red] = about("PostgresSessionsBlocked", "Firing")
        wait_for(lambda: bool(replies(red["ts"])), "evidence in its thread", seconds=40)
        [evidence] = replies(red["ts"])
        assert "mealsync-nightly-job" in evidence
        assert " blocks " in evidence
        wait_for(
            lambda: bool(about("PostgresSessionsBlocked", "Resolved")), "the message turns green", seconds=120
        )
        [green] = about("PostgresSessionsBlocked", "Resolved")
        assert green["ts"] == red["ts"]
        assert len(replies(red["ts"])) == 1
        assert observer("/statements.json")["ok"]
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
