"""Routing: Alertmanager's configuration, with what mutes what taken from the alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.generator import tree
from observer.generator.documents import yaml_text
from observer.generator.durations import seconds_of, text_of
from observer.generator.output import HEADER, GeneratedFile

if TYPE_CHECKING:
    from observer.generator.alerts import Alert
    from observer.generator.pack import Pack

SAME_OBSERVER = ["job", "instance"]
SAME_TARGET = ["job", "instance", "target"]


def _rule(cause: Alert, symptoms: list[Alert], equal: list[str]) -> list[dict[str, object]]:
    if not symptoms:
        return []
    return [
        {
            "source_matchers": [f'alertname="{cause.id}"'],
            "target_matchers": [f'alertname=~"{"|".join(sorted(alert.id for alert in symptoms))}"'],
            "equal": equal,
        }
    ]


def inhibit_rules(pack: Pack) -> list[dict[str, object]]:
    """A cause mutes its symptoms: on the same target, or, across kinds, wherever the same Observer looks."""
    rules: list[dict[str, object]] = []
    for cause in pack.alerts.values():
        muted = [pack.alerts[name] for name in cause.source.mutes if name in pack.alerts]
        kin = [alert for alert in muted if alert.signal.group == cause.signal.group]
        others = [alert for alert in muted if alert.signal.group != cause.signal.group]
        same = SAME_TARGET if "target" in cause.signal.source.labels else SAME_OBSERVER
        rules += _rule(cause, kin, same) + _rule(cause, others, SAME_OBSERVER)
    return rules


def _http_config(token_file: str) -> dict[str, object]:
    """How the webhook is asked for: with the token of a file, where there is one."""
    # The token stays in its file: a generated configuration may be shown, copied and committed.
    return {"authorization": {"credentials_file": token_file}} if token_file else {}


def alertmanager_files(pack: Pack) -> list[GeneratedFile]:
    """Alertmanager's configuration."""
    file = "rules/templates/alertmanager.yaml"
    source = tree.load(pack.rules / "templates" / "alertmanager.yaml", file=file)
    scale = pack.parameters.for_scale
    variables = {
        **pack.parameters.template_variables(),
        "inhibit_rules": inhibit_rules(pack),
        "webhook_http": _http_config(pack.parameters.webhook_token_file),
        "scaled": lambda text: text_of(max(1.0, seconds_of(text) * scale)),
    }
    document = tree.render(source, variables, file=file)
    return [GeneratedFile("rules", "alertmanager/alertmanager.yml", yaml_text(document, header=HEADER))]
