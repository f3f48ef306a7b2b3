"""A pack: templates, catalogue and a site's overrides, read and checked; everything is generated from one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from observer.generator import alerts, catalogue, signals, tree
from observer.generator.expressions import Expressions
from observer.generator.faults import TemplateError
from observer.generator.grafana import Dashboards, DashboardWriter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from observer.generator.alerts import Alert
    from observer.generator.catalogue import Catalogue, Declaration
    from observer.generator.overrides import Overrides
    from observer.generator.parameters import Parameters


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
