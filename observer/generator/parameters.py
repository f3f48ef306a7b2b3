"""Parameters: what one site sets once for everything that is generated."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from observer.generator.durations import seconds_of, text_of


def _seconds(value: object) -> object:
    return seconds_of(value) if isinstance(value, str) else value


def _parts(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Addresses = Annotated[tuple[str, ...], BeforeValidator(_parts)]
"""host:port, as a list or parted by commas."""

Duration = Annotated[float, BeforeValidator(_seconds), Field(ge=0)]
"""Seconds; written as Prometheus writes durations."""

SAMPLES_PER_RANGE = 4
"""A rate over fewer scrapes than this falls silent when one of them fails."""


class Parameters(BaseModel):
    """Facts about the site; every one has a default that suits the shipped Compose file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scrape_interval: Duration = Field(15.0, gt=0, description="How often Prometheus scrapes Observer.")
    for_scale: float = Field(
        1.0, gt=0, description="Factor on every `for` and `keep_firing_for`; below 1 for demonstrations."
    )
    range_scale: float = Field(
        1.0, gt=0, description="Factor on ranges, never below four scrapes, and on offsets."
    )
    retention: Duration = Field(
        1296000.0, gt=0, description="How long Prometheus keeps samples; no rule may look further back."
    )
    job: str = Field("observer", min_length=1, description="The job name of Observer's own scrape.")
    observer_addresses: Addresses = Field(
        ("observer:9188",),
        min_length=1,
        description="host:port of every Observer, as Prometheus reaches them.",
    )
    alertmanager_addresses: Addresses = Field(
        ("alertmanager:9093",), description="host:port of every Alertmanager; empty for none."
    )
    prometheus_url: str = Field("http://prometheus:9090", description="Prometheus, as Grafana reaches it.")
    grafana_url: str = Field(
        "http://localhost:3000", description="Grafana, as people reach it; for links in alerts."
    )
    grafana_dashboards_path: str = Field(
        "/var/lib/grafana/dashboards", description="Where Grafana finds the dashboards."
    )
    webhook_url: str = Field(
        "http://observer:9188/api/v1/alerts", description="Observer's receiver, as Alertmanager reaches it."
    )
    webhook_token_file: str = Field(
        "/run/secrets/webhook_token",
        description="File with the bearer token of the webhook, as Alertmanager reads it; empty for none.",
    )
    external_labels: dict[str, str] = Field(
        default_factory=dict, description="Labels on everything that leaves Prometheus."
    )

    def range_seconds(self, seconds: float) -> float:
        """A range of so many seconds, scaled, and widened to hold enough scrapes."""
        return max(seconds * self.range_scale, SAMPLES_PER_RANGE * self.scrape_interval)

    def for_seconds(self, seconds: float) -> float:
        """A waiting time, scaled, but two evaluations at least: one bad scrape is no incident."""
        return max(seconds * self.for_scale, 2 * self.scrape_interval) if seconds else 0.0

    def template_variables(self) -> dict[str, object]:
        """The parameters as templates see them: durations as text."""
        fields: dict[str, object] = dict(self)
        return fields | {
            "scrape_interval": text_of(self.scrape_interval),
            "scrape_timeout": text_of(min(10.0, self.scrape_interval)),
            "retention": text_of(self.retention),
            "observer_addresses": list(self.observer_addresses),
            "alertmanager_addresses": list(self.alertmanager_addresses),
        }
