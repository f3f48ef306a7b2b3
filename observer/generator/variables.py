"""The variables at the top of a dashboard, as Grafana's classic JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observer.generator.faults import TemplateError
from observer.generator.panels import DATASOURCE

if TYPE_CHECKING:
    from observer.generator.catalogue import Catalogue
    from observer.generator.dashboards import DashboardSource, VariableSource
    from observer.generator.panels import Json


def narrowing(source: DashboardSource) -> list[str]:
    """The variables that narrow queries: those that hold values of a label of the same name."""
    return [variable.name for variable in source.variables if variable.values_of]


def variables_json(source: DashboardSource, catalogue: Catalogue, file: str) -> list[Json]:
    """The choices at the top, each narrowed by those before it.

    Raises:
        TemplateError: One asks for the values of a label that its metric does not have.
    """
    made: list[Json] = [
        {
            "name": "datasource",
            "label": "Data source",
            "type": "datasource",
            "query": "prometheus",
            "current": {"text": "default", "value": "default"},
            "hide": 0,
            "includeAll": False,
            "multi": False,
            "options": [],
            "refresh": 1,
            "regex": "",
            "skipUrlSync": False,
        }
    ]
    before: list[str] = []
    for variable in source.variables:
        if variable.choices:
            made.append(_choices(variable))
            continue
        made.append(_values(variable, before, catalogue, file))
        before.append(variable.name)
    return made


def _choices(variable: VariableSource) -> Json:
    options = [
        {"selected": at == 0, "text": str(choice), "value": str(choice)}
        for at, choice in enumerate(variable.choices)
    ]
    return {
        "name": variable.name,
        "label": variable.label,
        "type": "custom",
        "query": ",".join(str(choice) for choice in variable.choices),
        "current": {"text": str(variable.choices[0]), "value": str(variable.choices[0])},
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "options": options,
        "skipUrlSync": False,
    }


def _values(variable: VariableSource, before: list[str], catalogue: Catalogue, file: str) -> Json:
    for name in variable.values_of:
        metric = catalogue.find(name)
        if metric is None or variable.name not in metric.labels:
            raise TemplateError(
                file=file,
                path=f"variables.{variable.name}",
                what=f"no exporter has a metric {name} with a label {variable.name}",
                mend=catalogue.suggestion(name),
            )
    carried = [catalogue.find(name) for name in variable.values_of]
    matchers = [f'{label}=~"${label}"' for label in before if all(m and label in m.labels for m in carried)]
    if len(variable.values_of) == 1:
        selector = variable.values_of[0]
    else:
        selector = ""
        matchers.insert(0, f'__name__=~"{"|".join(variable.values_of)}"')
    query = f"label_values({selector}{{{', '.join(matchers)}}}, {variable.name})"
    return {
        "name": variable.name,
        "label": variable.label,
        "type": "query",
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "allValue": ".*" if variable.may_be_absent else ".+",
        "current": {"text": ["All"], "value": ["$__all"]},
        "hide": 0,
        "includeAll": True,
        "multi": True,
        "options": [],
        "refresh": 2,
        "regex": "",
        "skipUrlSync": False,
        "sort": 1,
    }
