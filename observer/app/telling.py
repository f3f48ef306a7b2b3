"""From settings to incidents: what they are told through, with which evidence, and how they are counted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog
from prometheus_client import Counter, Gauge, Histogram

from observer.errors import ConfigurationError, ObserverError
from observer.incidents import metrics as incident_metrics
from observer.incidents.service import Incidents
from observer.incidents.settings import IncidentSettings
from observer.reports.blocked import BlockedSessions
from observer.reports.slower import SlowerStatements, Windows
from observer.slack import recorder as slack_metrics
from observer.store.errors import StoreUnavailable
from observer.targets.postgres import PostgresAddress
from observer.targets.prometheus import PrometheusSession
from observer.targets.secrets import password_source, read_secret, setting

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from prometheus_client import CollectorRegistry

    from observer.config.model import Settings, Slack
    from observer.incidents.intake import Accepted
    from observer.incidents.model import EvidenceSource, Incident, Notice
    from observer.incidents.outbox import Backlog, Delivery
    from observer.slack.recorder import Metric
    from observer.store.store import Store


_GIVE = "Write the bot token (xoxb-...) into the file of slack.token_file. Alerts are kept until then."

_log = structlog.get_logger(__name__)


class CountingRecorder:
    """Counts what happens on the way to Slack in prometheus-client's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._made: dict[str, Counter | Histogram] = {}
        for metric in (*incident_metrics.METRICS, *slack_metrics.METRICS):
            kind = Histogram if metric.kind == "histogram" else Counter
            self._made[metric.name] = kind(metric.name, metric.help, metric.labels, registry=registry)
        # Nobody sees a counter grow that was not there before, and the first refusal is the one to be told.
        for outcome in incident_metrics.OUTCOMES:
            self.add(incident_metrics.WEBHOOKS, 0.0, outcome)

    def add(self, metric: Metric, value: float = 1.0, *labels: str) -> None:
        made = self._made[metric.name]
        child = made.labels(*labels) if labels else made
        if isinstance(child, Histogram):
            child.observe(value)
        else:
            child.inc(value)


class Telling:
    """Incidents as the application holds them: there once the store is open, refusing until then.

    Args:
        settings: With a section ``slack``.
        registry: What is counted goes there.
    """

    def __init__(self, settings: Settings, slack: Slack, registry: CollectorRegistry) -> None:
        self._told = IncidentSettings(
            slack_token=_token(slack),
            channel=slack.channel,
            base_url=slack.base_url,
            mentions=slack.mentions,
            alertmanagers=settings.alerts.alertmanagers,
        )
        self._evidence = _evidence(settings)
        self.recorder = CountingRecorder(registry)
        self._incidents: Incidents | None = None
        _expose_backlog(self, registry)

    def start(self, store: Store) -> Incidents:
        """The running incidents."""
        incidents = Incidents(
            store=store,
            settings=self._told,
            evidence=self._evidence,
            recorder=self.recorder,
        )
        fault = self.token_fault()
        if fault is not None:
            _log.warning("slack.no_token", reason=fault.sentence, remedy=fault.remedy)
        incidents.start()
        self._incidents = incidents
        return incidents

    def accept(self, notice: Notice) -> Future[Accepted]:
        """Store a notice, see `Incidents.accept`.

        Raises:
            StoreUnavailable: It was not kept and must be sent again.
        """
        return self._open().accept(notice)

    def recent(self, limit: int = 100) -> list[tuple[Incident, list[Delivery]]]:
        """Incidents with their deliveries, see `Incidents.recent`.

        Raises:
            StoreUnavailable: The store is not open.
        """
        return self._open().recent(limit)

    def dead(self) -> list[Delivery]:
        """What Slack refuses, with the reasons.

        Raises:
            StoreUnavailable: The store is not open.
        """
        return self._open().dead()

    @property
    def channel(self) -> str:
        """Where incidents are told."""
        return self._told.channel

    def token_fault(self) -> ObserverError | None:
        """Why there is no token to speak to Slack with; None when there is one, good or not."""
        try:
            if self._told.slack_token():
                return None
        except ObserverError as fault:
            return ConfigurationError(f"Slack is told nothing: {fault.sentence}", remedy=_GIVE)
        return ConfigurationError("Slack is told nothing: its token is empty", remedy=_GIVE)

    def backlog(self) -> Backlog:
        """How much is on its way.

        Raises:
            StoreUnavailable: The store is not open.
        """
        return self._open().backlog()

    def _open(self) -> Incidents:
        if self._incidents is None:
            raise StoreUnavailable("The store is not open yet.", remedy="Try again in a moment.")
        return self._incidents


def _evidence(settings: Settings) -> list[EvidenceSource]:
    sources: list[EvidenceSource] = []
    servers = {
        target.name: PostgresAddress.parse(
            setting(target.dsn, target.dsn_file), password_source(target.password, target.password_file)
        )
        for target in settings.postgres
        if target.enabled
    }
    if servers:
        sources.append(BlockedSessions(servers))
    if settings.prometheus is not None:
        windows = Windows(now=settings.prometheus.window, offset=settings.prometheus.compare_with)
        sources.append(SlowerStatements(PrometheusSession(settings.prometheus.url), windows=windows))
    return sources


def _expose_backlog(incidents: Telling, registry: CollectorRegistry) -> None:
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

    readings: dict[Metric, Callable[[Backlog], float]] = {
        incident_metrics.PENDING: lambda backlog: backlog.pending,
        incident_metrics.OLDEST_PENDING: oldest,
        incident_metrics.DEAD: lambda backlog: backlog.dead,
    }
    for metric, of in readings.items():
        Gauge(metric.name, metric.help, registry=registry).set_function(reading(of))


def webhook_token(settings: Settings) -> Callable[[], str] | None:
    """Gives the token that a webhook must bear; ``None`` asks for none."""
    file = settings.alerts.token_file
    if file is None:
        return None

    def token() -> str:
        found = read_secret(file)
        if not found:
            # Compared with an empty one, a webhook without a token would be let in.
            raise ConfigurationError(
                f"the file of the webhook's token {file} is empty",
                remedy="Write a token into it, and the same where Alertmanager reads it.",
            )
        return found

    return token


def _token(slack: Slack) -> Callable[[], str]:
    file, token = slack.token_file, slack.token
    if file is not None:
        return lambda: read_secret(file)
    return lambda: token.get_secret_value() if token is not None else ""
