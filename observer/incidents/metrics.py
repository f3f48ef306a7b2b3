"""What is counted of incidents, declared once."""

from __future__ import annotations

from observer.slack.recorder import Metric

OUTCOMES = ("stored", "malformed", "refused", "too_large", "unavailable")
"""What becomes of a webhook."""

WEBHOOKS = Metric(
    name="observer_webhooks_total",
    kind="counter",
    help=f"Webhooks of Alertmanager by outcome: {', '.join(OUTCOMES)}.",
    labels=("outcome",),
)
IGNORED = Metric(
    name="observer_webhook_alerts_ignored_total",
    kind="counter",
    help="Alerts without effect: ends of what was never told, and old news of peers that lag behind.",
)
POSSIBLE_DUPLICATES = Metric(
    name="observer_slack_possible_duplicates_total",
    kind="counter",
    help="Posts repeated although an earlier one without an answer may stand in the channel.",
)
REPOSTS = Metric(
    name="observer_slack_reposts_total",
    kind="counter",
    help="Messages posted anew because the earlier one was deleted or could not be edited.",
)
DELIVERY_SECONDS = Metric(
    name="observer_delivery_duration_seconds",
    kind="histogram",
    help="Time from a change that was stored to Slack showing it.",
)
UNREPORTED = Metric(
    name="observer_incidents_unreported_total",
    kind="counter",
    help="Incidents closed because no Alertmanager knew their alerts any more.",
)
PENDING = Metric(
    name="observer_outbox_pending",
    kind="gauge",
    help="Messages whose wanted state is not delivered yet.",
)
OLDEST_PENDING = Metric(
    name="observer_outbox_oldest_pending_seconds",
    kind="gauge",
    help="How long the oldest of them has waited; 0 for none.",
)
DEAD = Metric(
    name="observer_outbox_dead",
    kind="gauge",
    help="Messages that Slack refuses for good.",
)
BACKLOG = (PENDING, OLDEST_PENDING, DEAD)
"""Read from the store whenever the page is made."""

METRICS = (WEBHOOKS, IGNORED, POSSIBLE_DUPLICATES, REPOSTS, DELIVERY_SECONDS, UNREPORTED)
