"""Grafana's files: dashboards with their variables and links, and the provisioning that loads them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from observer.generator import dashboards, panels, promql, tree
from observer.generator.documents import yaml_text
from observer.generator.faults import ExpressionError, TemplateError, did_you_mean
from observer.generator.output import HEADER, MARK, GeneratedFile
from observer.generator.scoping import scoped
from observer.generator.variables import narrowing, variables_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from observer.generator.catalogue import Catalogue
    from observer.generator.dashboards import DashboardSource, PanelSource, TargetSource
    from observer.generator.expressions import Expressions
    from observer.generator.panels import Json
    from observer.generator.signals import Signal

SCHEMA_VERSION = 41
"""Of Grafana 12. Older ones ignore what they do not know; newer ones migrate."""

LARGEST = 240_000
"""Bytes; kubectl keeps a copy of what it applies in an annotation of 262,144."""

LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")
CHOICE = "424242"
"""Stands for a numeric variable while an expression is parsed."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a signal is drawn."""

    uid: str
    panel: int
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dashboards:
    """Every dashboard, rendered."""

    documents: dict[str, Json]
    places: dict[str, Place]
    """By signal: the dashboard that shows it in most detail, which is the last one to be read."""


def _check_legend(legend: str, labels: frozenset[str]) -> None:
    for match in LEGEND.finditer(legend):
        if match[1] not in labels:
            raise ExpressionError(
                f"the legend prints {match[1]}, which the expression has aggregated away",
                f"Left are {', '.join(sorted(labels))}.",
            )


def _link(title: str, **said: object) -> Json:
    """A link with every key that Grafana's schema wants."""
    return {
        "title": title,
        "type": "link",
        "asDropdown": False,
        "icon": "external link",
        "includeVars": False,
        "keepTime": False,
        "tags": [],
        "targetBlank": False,
        "tooltip": "",
        "url": "",
        **said,
    }


class DashboardWriter:
    """Renders dashboards.

    Args:
        expressions: The signals.

        catalogue: Every query must ask for what exists in it.
    """

    def __init__(self, expressions: Expressions, catalogue: Catalogue) -> None:
        self.expressions = expressions
        self.catalogue = catalogue

    def everything(self, folder: Path) -> Dashboards:
        """The dashboards whose templates lie in a folder.

        Raises:
            TemplateError: Something is wrong.
        """
        sources = dashboards.load(folder)
        documents: dict[str, Json] = {}
        places: dict[str, Place] = {}
        for uid in sorted(sources, key=lambda uid: (sources[uid][0].uid != "obs-overview", uid)):
            source, file = sources[uid]
            documents[uid] = self._document(source, file, sources)
            places |= self._places(source, documents[uid])
        return Dashboards(documents, places)

    def _places(self, source: DashboardSource, document: Json) -> dict[str, Place]:
        drawn = [panel for panel in document["panels"] if panel["type"] != "row"]
        written = [panel for row in source.rows for panel in row.panels]
        labels = tuple(narrowing(source))
        return {
            target.signal: Place(source.uid, panel["id"], labels)
            for panel, template in zip(drawn, written, strict=True)
            for target in template.queries
            if target.signal is not None
        }

    def _asked(self, target: TargetSource, source: DashboardSource, *, file: str, path: str) -> str:
        """The query before it is scoped, with a number where a numeric variable will stand."""
        choices = {variable.name: CHOICE for variable in source.variables if variable.choices}
        if target.signal is None:
            variables = {**self.expressions.site_variables(file=file, path=path), **choices}
            return str(tree.render(target.expr, variables, file=file, path=path))
        asked = self.expressions.asked(self.expressions.signal(target.signal, file=file, path=path))
        if target.top is None:
            return asked
        if target.top not in choices:
            raise TemplateError(
                file=file,
                path=path,
                what=f"there is no choice {target.top}",
                mend=did_you_mean(target.top, choices),
            )
        return f"topk({CHOICE}, {asked})"

    def _expression(self, target: TargetSource, source: DashboardSource, *, file: str, path: str) -> str:
        try:
            text = self._asked(target, source, file=file, path=path)
            _check_legend(target.legend, promql.output_labels(text, self.catalogue))
            text = scoped(text, self.catalogue, self._narrowing(target, source))
        except ExpressionError as error:
            raise TemplateError(file=file, path=path, what=error.what, mend=error.mend) from error
        for variable in source.variables:
            if variable.choices:
                text = text.replace(CHOICE, f"${variable.name}")
        return text

    def _narrowing(self, target: TargetSource, source: DashboardSource) -> list[str]:
        """The variables that narrow a query.

        What a signal sums over must stay whole: narrowed to one database, the connections of a server would
        be measured against a limit that is for all of them.
        """
        labels = narrowing(source)
        if target.signal is None:
            return labels
        signal = self.expressions.signals[target.signal]
        return [label for label in labels if label in signal.source.labels]

    def _panels(
        self,
        source: DashboardSource,
        file: str,
        sources: Mapping[str, tuple[DashboardSource, str]],
    ) -> Iterator[Json]:
        number, y = 0, 0
        for row in source.rows:
            number += 1
            yield panels.row_json(row.title, number=number, y=y)
            y += 1
            x = tallest = 0
            for panel in row.panels:
                if x + panel.width > dashboards.COLUMNS:
                    x, y, tallest = 0, y + tallest, 0
                number += 1
                path = f"rows.{row.title}.{panel.title or panel.signal}"
                yield panels.panel_json(
                    panel,
                    number=number,
                    place={"h": panel.height, "w": panel.width, "x": x, "y": y},
                    signal=self._signal_of(panel, file=file, path=path),
                    expressions=[
                        self._expression(target, source, file=file, path=path) for target in panel.queries
                    ],
                    links=self._links(panel, source, sources),
                )
                x += panel.width
                tallest = max(tallest, panel.height)
            y += tallest

    def _signal_of(self, panel: PanelSource, *, file: str, path: str) -> Signal | None:
        if panel.signal is not None:
            return self.expressions.signal(panel.signal, file=file, path=path)
        return None

    def _links(
        self,
        panel: PanelSource,
        source: DashboardSource,
        sources: Mapping[str, tuple[DashboardSource, str]],
    ) -> list[Json]:
        if panel.opens is None:
            return []
        other = sources[panel.opens][0]
        shared = [
            name for name in ("datasource", *narrowing(source)) if name in ("datasource", *narrowing(other))
        ]
        carried = "&".join(f"${{{name}:queryparam}}" for name in shared)
        url = f"/d/{other.uid}?${{__url_time_range}}&{carried}"
        return [_link(other.title, type="link", url=url)]

    def _document(
        self, source: DashboardSource, file: str, sources: Mapping[str, tuple[DashboardSource, str]]
    ) -> Json:
        made = list(self._panels(source, file, sources))
        titles = [panel["title"] for panel in made if panel["type"] != "row"]
        for title in titles:
            if titles.count(title) > 1:
                raise TemplateError(
                    file=file,
                    path="rows",
                    what=f"two panels are titled {title!r}",
                    mend="Give each its own title.",
                )
        firing = scoped('ALERTS{alertstate="firing"}', self.catalogue, narrowing(source))
        return {
            "annotations": {
                "list": [
                    {
                        "name": "Firing alerts",
                        "datasource": panels.DATASOURCE,
                        "enable": True,
                        # Newer data sources read the target, older ones the keys beside it.
                        "target": {"expr": firing, "interval": "60s", "refId": "Anno"},
                        "expr": firing,
                        "hide": False,
                        "iconColor": "red",
                        "step": "60s",
                        "titleFormat": "{{alertname}}",
                    }
                ]
            },
            "description": f"{source.description.strip()} {MARK}.",
            "editable": False,
            "fiscalYearStartMonth": 0,
            "graphTooltip": 1,
            "id": None,
            "links": [
                _link(
                    "Observer",
                    type="dashboards",
                    tags=["observer"],
                    asDropdown=True,
                    includeVars=True,
                    keepTime=True,
                )
            ],
            "panels": made,
            "preload": False,
            "refresh": "30s",
            "schemaVersion": SCHEMA_VERSION,
            "tags": ["observer", *source.tags],
            "templating": {"list": variables_json(source, self.catalogue, file)},
            "time": {"from": "now-1h", "to": "now"},
            "timepicker": {},
            "timezone": "browser",
            "title": source.title,
            "uid": source.uid,
            "version": 1,
            "weekStart": "",
        }


def json_text(document: Json, *, file: str) -> str:
    """The text of a dashboard; refused when it has grown too large to be applied to Kubernetes.

    Raises:
        TemplateError: It has.
    """
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    if len(text.encode()) > LARGEST:
        raise TemplateError(
            file=file,
            path="rows",
            what=f"the dashboard has {len(text.encode())} bytes, and no more than {LARGEST} can be applied",
            mend="Split it in two.",
        )
    return text


def dashboard_files(made: Dashboards, folder: Path, variables: Mapping[str, object]) -> list[GeneratedFile]:
    """The dashboards, and the provisioning files that make Grafana load them.

    Args:
        made: The dashboards.

        folder: Where the templates of provisioning files lie.

        variables: The parameters, as templates see them.
    """
    files = [
        GeneratedFile("dashboards", f"{uid}.json", json_text(document, file=f"dashboards/templates/{uid}"))
        for uid, document in made.documents.items()
    ]
    for path in sorted(folder.glob("*.yaml")):
        file = f"dashboards/provisioning/{path.name}"
        document = tree.render(tree.load(path, file=file), variables, file=file)
        text = yaml_text(document, header=HEADER)
        files.append(GeneratedFile("dashboards", f"provisioning/{path.stem}/observer.yml", text))
    return files
