"""From settings to incidents: what they are told through, with which evidence, and how they are counted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from observer.errors import ObserverError
from observer.incidents import metrics as incident_metrics
from observer.incidents.service import Incidents, IncidentSettings
from observer.reports.slower import SlowerStatements, Windows
from observer.slack import recorder as slack_metrics
from observer.targets.prometheus import PrometheusSession
from observer.targets.secrets import read_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

    from observer.config.model import Settings, Slack
    from observer.incidents.model import EvidenceSource
    from observer.incidents.outbox import Backlog
    from observer.slack.recorder import Metric
    from observer.store.store import Store


class CountingRecorder:
    """Counts what happens on the way to Slack in prometheus-client's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._made: dict[str, Counter | Histogram] = {}
        for metric in (*incident_metrics.METRICS, *slack_metrics.METRICS):
            kind = Histogram if metric.kind == "histogram" else Counter
            self._made[metric.name] = kind(metric.name, metric.help, metric.labels, registry=registry)

    def add(self, metric: Metric, value: float = 1.0, *labels: str) -> None:
        made = self._made[metric.name]
        child = made.labels(*labels) if labels else made
        if isinstance(child, Histogram):
            child.observe(value)
        else:
            child.inc(value)


def build_incidents(settings: Settings, store: Store, registry: CollectorRegistry) -> Incidents | None:
    """The incidents of a site that has Slack; ``None`` for one that has not.

    Raises:
        ConfigurationError: The channel or a mention is not one.
    """
    slack = settings.slack
    if slack is None or not slack.enabled:
        return None
    evidence: list[EvidenceSource] = []
    if settings.prometheus is not None:
        windows = Windows(now=settings.prometheus.window, offset=settings.prometheus.compare_with)
        evidence.append(SlowerStatements(PrometheusSession(settings.prometheus.url), windows=windows))
    incidents = Incidents(
        store=store,
        settings=IncidentSettings(
            slack_token=_token(slack),
            channel=slack.channel,
            base_url=slack.base_url,
            mentions=slack.mentions,
            alertmanagers=settings.alerts.alertmanagers,
        ),
        evidence=evidence,
        recorder=CountingRecorder(registry),
    )
    _expose_backlog(incidents, registry)
    return incidents


def _expose_backlog(incidents: Incidents, registry: CollectorRegistry) -> None:
    """Gauges of what is on its way, read from the store whenever the page is made."""

    def reading(of: Callable[[Backlog], float]) -> Callable[[], float]:
        def read() -> float:
            try:
                return of(incidents.backlog())
            except ObserverError:
                # The page must not fail because the store does; that has a fault of its own.
                return float("nan")

        return read

    def oldest(backlog: Backlog) -> float:
        return max(0.0, time.time() - backlog.oldest_wanted_at) if backlog.oldest_wanted_at else 0.0

    for name, text, of in (
        ("pending", "Messages whose wanted state is not delivered yet.", lambda b: b.pending),
        ("oldest_pending_seconds", "How long the oldest of them has waited; 0 for none.", oldest),
        ("dead", "Messages that Slack refuses for good.", lambda b: b.dead),
    ):
        Gauge(f"observer_outbox_{name}", text, registry=registry).set_function(reading(of))


def webhook_token(settings: Settings) -> Callable[[], str] | None:
    """Gives the token that a webhook must bear; ``None`` asks for none."""
    file = settings.alerts.token_file
    return None if file is None else lambda: read_secret(file)


def _token(slack: Slack) -> Callable[[], str]:
    file, token = slack.token_file, slack.token
    if file is not None:
        return lambda: read_secret(file)
    return lambda: token.get_secret_value() if token is not None else ""
