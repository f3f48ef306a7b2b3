"""The build: from a pack to the files of rules, tests, runbooks, dashboards and configurations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.generator import promql, tree
from observer.generator.cases import CaseWriter
from observer.generator.documents import yaml_text
from observer.generator.durations import text_of
from observer.generator.grafana import dashboard_files
from observer.generator.output import HEADER, GeneratedFile
from observer.generator.routing import alertmanager_files

if TYPE_CHECKING:
    from observer.generator.alerts import Alert
    from observer.generator.pack import Pack
    from observer.generator.signals import Signal


def _groups(pack: Pack) -> dict[str, list[Alert]]:
    groups: dict[str, list[Alert]] = {}
    for alert in pack.alerts.values():
        groups.setdefault(alert.signal.group, []).append(alert)
    return groups


def _recordings(pack: Pack, group: str) -> list[dict[str, object]]:
    return [
        {"record": signal.source.record, "expr": promql.canonical(pack.expressions.value(signal))}
        for signal in pack.expressions.signals.values()
        if signal.source.record and signal.group == group
    ]


def rule_document(pack: Pack, group: str, *, changed: dict[str, str] | None = None) -> dict[str, object]:
    """The rule file of a group: what it records, then what it alerts on.

    Args:
        pack: The pack.

        group: The first part of its signals' names.

        changed: Expressions to use instead of the alerts' own, by alert; for mutation tests.
    """
    changed = changed or {}
    rules = _recordings(pack, group) + [
        alert.rule(changed.get(alert.id) or pack.expressions.condition(alert.signal))
        for alert in _groups(pack).get(group, [])
    ]
    interval = text_of(pack.parameters.scrape_interval)
    return {"groups": [{"name": f"observer-{group}", "interval": interval, "rules": rules}]}


def _written_out(pack: Pack, signal: Signal) -> str:
    """The signal's expression, and every expression that it reaches through recorded series."""
    texts = [pack.expressions.value(signal), pack.expressions.condition(signal)]
    reached = [
        pack.expressions.value(other)
        for other in pack.expressions.signals.values()
        if other.source.record and any(other.source.record in text for text in texts)
    ]
    return " or ".join(f"({text})" for text in texts + reached)


def rule_files(pack: Pack) -> list[GeneratedFile]:
    """One rule file per group, one test file and one runbook per alert."""
    groups = sorted(
        set(_groups(pack)) | {s.group for s in pack.expressions.signals.values() if s.source.record}
    )
    files = [
        GeneratedFile(
            "rules", f"prometheus/rules/{group}.yml", yaml_text(rule_document(pack, group), header=HEADER)
        )
        for group in groups
    ]
    writer = CaseWriter(pack.parameters, pack.catalogue)
    for alert in pack.alerts.values():
        document = writer.document(
            alert, _written_out(pack, alert.signal), rule_file=f"../rules/{alert.signal.group}.yml"
        )
        files.append(
            GeneratedFile("rules", f"prometheus/tests/{alert.id}.yml", yaml_text(document, header=HEADER))
        )
        files.append(GeneratedFile("rules", f"runbooks/{alert.id}.md", runbook(pack, alert)))
    return [*files, GeneratedFile("rules", "runbooks/README.md", _runbook_index(pack))]


def _runbook_index(pack: Pack) -> str:
    """All alerts on one page."""
    lines = [
        f"| [{alert.id}]({alert.id}.md) | {alert.source.severity} | {alert.signal.source.title} |"
        f" `{threshold.operator} {tree.number_text(threshold.value)}` | {text_of(alert.waits)} |"
        for alert in pack.alerts.values()
        if (threshold := alert.signal.source.threshold)
    ]
    head = "| alert | severity | signal | threshold | for |\n|---|---|---|---|---|\n"
    return f"<!-- {HEADER} -->\n\n# Alerts\n\n{head}" + "\n".join(lines) + "\n"


def runbook(pack: Pack, alert: Alert) -> str:
    """What to do about an alert, on one page."""
    signal = alert.signal.source
    guards = [f"- {guard.because}" for guard in signal.guards]
    if signal.ratio:
        guards.insert(0, f"- {signal.ratio.because}")
    silent = "\n".join(["", "It stays silent on purpose:", "", *guards, ""]) if guards else ""
    return (
        f"<!-- {HEADER} -->\n\n# {alert.id}\n\n"
        f"Severity: {alert.source.severity}. Signal: {alert.signal.id} ({signal.title}).\n\n"
        f"{signal.description.strip()}\n\n"
        f"```promql\n{pack.expressions.condition(alert.signal)}\n```\n{silent}\n"
        f"## What to do\n\n{alert.source.runbook.strip()}\n"
    )


def prometheus_files(pack: Pack) -> list[GeneratedFile]:
    """Prometheus's own configuration."""
    file = "rules/templates/prometheus.yaml"
    source = tree.load(pack.rules / "templates" / "prometheus.yaml", file=file)
    document = tree.render(source, pack.parameters.template_variables(), file=file)
    retention = text_of(pack.parameters.retention)
    header = f"{HEADER}\nThe rules expect --storage.tsdb.retention.time={retention} or longer."
    return [GeneratedFile("rules", "prometheus/prometheus.yml", yaml_text(document, header=header))]


def grafana_files(pack: Pack) -> list[GeneratedFile]:
    """Dashboards, and what makes Grafana load them."""
    return dashboard_files(pack.dashboards, pack.provisioning, pack.parameters.template_variables())


def all_files(pack: Pack) -> list[GeneratedFile]:
    """Everything that can be generated."""
    return [*rule_files(pack), *prometheus_files(pack), *alertmanager_files(pack), *grafana_files(pack)]
