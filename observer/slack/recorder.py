"""What is counted of the way to Slack: names declared once, a place to count them handed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric to be exposed.

    Args:
        kind: ``counter``, ``gauge`` or ``histogram``; the seconds of a histogram are observed one by one.
    """

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()


SLACK_REQUESTS = Metric(
    name="observer_slack_requests_total",
    kind="counter",
    help="Calls of Slack's methods by outcome.",
    labels=("method", "outcome"),
)
SLACK_SECONDS = Metric(
    name="observer_slack_request_duration_seconds",
    kind="histogram",
    help="Time that calls of Slack's methods took.",
    labels=("method",),
)
SLACK_RATE_LIMITED = Metric(
    name="observer_slack_rate_limited_seconds_total",
    kind="counter",
    help="Seconds that Slack told Observer to wait.",
)
METRICS = (SLACK_REQUESTS, SLACK_SECONDS, SLACK_RATE_LIMITED)


class Recorder(Protocol):
    """Counts what happens; must be cheap and safe to call from any thread."""

    def add(self, metric: Metric, value: float = 1.0, *labels: str) -> None:
        """Raise a counter, or observe one value of a histogram; label values in declared order."""


class NoRecorder:
    """Counts nothing."""

    def add(self, metric: Metric, value: float = 1.0, *labels: str) -> None:
        """Forget it."""
