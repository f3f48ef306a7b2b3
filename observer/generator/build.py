"""The build: templates, catalogue and a site's overrides in, files out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from observer.generator import alerts, catalogue, promql, signals, tree
from observer.generator.cases import CaseWriter
from observer.generator.documents import yaml_text
from observer.generator.durations import text_of
from observer.generator.expressions import Expressions
from observer.generator.faults import TemplateError
from observer.generator.grafana import Dashboards, DashboardWriter, dashboard_files
from observer.generator.output import HEADER, GeneratedFile
from observer.generator.routing import alertmanager_files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from observer.generator.alerts import Alert
    from observer.generator.catalogue import Catalogue, Declaration
    from observer.generator.overrides import Overrides
    from observer.generator.parameters import Parameters
    from observer.generator.signals import Signal


@dataclass(frozen=True, slots=True)
class Pack:
    """Everything that was read and checked; what is generated is made from it.

    Attributes:
        expressions: The signals, as rules ask them.

        alerts: Those that are enabled, by id.

        catalogue: Every metric that may be asked, recorded ones included.
    """

    parameters: Parameters
    rules: Path
    provisioning: Path
    expressions: Expressions
    alerts: dict[str, Alert]
    catalogue: Catalogue
    dashboards: Dashboards


def read_pack(
    *,
    rules: Path,
    dashboards: Path,
    declarations: Sequence[Declaration],
    overrides: Overrides,
    parameters: Parameters,
) -> Pack:
    """Read the templates in ``rules``, lay the overrides over them, and check everything.

    Args:
        rules: The folder with catalogue, signals, alerts and templates.

        dashboards: The folder with the templates of dashboards and of their provisioning.

        declarations: The exporter's; Observer's own catalogue is made of them.

        overrides: The site's.

        parameters: The site's, already merged.

    Raises:
        TemplateError: Something is wrong; its message says where, what, and how to mend it.
    """
    found = signals.load(rules / "signals", overrides.signals)
    overrides.refuse_unknown("signals", found)
    expressions = Expressions(found, parameters)
    known = catalogue.with_foreign(catalogue.from_declarations(declarations), rules / "catalogue")
    known = known.extended(expressions.recorded())
    for signal in found.values():
        expressions.check(signal, known)
    sources = {}
    for path in sorted((rules / "alerts").glob("*.yaml")):
        override = next(
            (change for name, change in overrides.alerts.items() if alerts.file_name(name) == path.name), {}
        )
        file = f"rules/alerts/{path.name}"
        source = alerts.source_of(tree.load(path, file=file), override, file=file)
        sources[source.alert] = (source, file)
    overrides.refuse_unknown("alerts", sources)
    for name, (source, file) in sources.items():
        for muted in source.mutes:
            if muted not in sources:
                raise TemplateError(
                    file=file,
                    path="mutes",
                    what=f"{name} mutes {muted}, which is no alert",
                    mend="Correct the name.",
                )
    drawn = DashboardWriter(expressions, known).everything(dashboards / "templates")
    built = {
        name: alerts.checked(source, file=file, expressions=expressions, catalogue=known)
        for name, (source, file) in sorted(sources.items())
        if source.enabled
    }
    linked = {
        name: replace(alert, dashboard_url=_dashboard_url(alert, drawn, parameters))
        for name, alert in built.items()
    }
    return Pack(
        parameters=parameters,
        rules=rules,
        provisioning=dashboards / "provisioning",
        expressions=expressions,
        alerts=linked,
        catalogue=known,
        dashboards=drawn,
    )


def _dashboard_url(alert: Alert, drawn: Dashboards, parameters: Parameters) -> str:
    """Where the alert's signal is drawn, narrowed to what it is about; empty where that is nowhere."""
    place = drawn.places.get(alert.signal.id)
    if place is None or not parameters.grafana_url:
        return ""
    carried = "".join(
        f"&var-{label}={{{{ $labels.{label} | urlquery }}}}"
        for label in place.labels
        if label in alert.signal.source.labels
    )
    return f"{parameters.grafana_url.rstrip('/')}/d/{place.uid}?viewPanel={place.panel}{carried}"


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
