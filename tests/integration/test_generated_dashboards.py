"""Generated dashboards: shape, layout, queries, units, links and thresholds, as Grafana takes them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from observer.generator import build, promql
from observer.generator.faults import TemplateError
from observer.generator.grafana import LARGEST, LEGEND, DashboardWriter
from observer.generator.overrides import Overrides
from observer.generator.pack import Pack, read_pack
from observer.generator.scoping import expand_targets
from tests.generator_catalogue import declarations

ROOT = Path(__file__).resolve().parents[2]
UNITS = {"s", "percentunit", "bytes", "Bps", "ops", "reqps", "short"}
REMOVED = {"graph", "singlestat", "table-old", "grafana-piechart-panel"}


def pack_for(parameters: dict[str, object]) -> Pack:
    site = Overrides({"parameters": parameters}, file="site.yaml")
    return read_pack(
        rules=ROOT / "rules",
        dashboards=ROOT / "dashboards",
        declarations=declarations(),
        overrides=site,
        parameters=site.merged_parameters({}),
    )


@pytest.fixture(scope="module")
def shipped() -> Pack:
    return pack_for({})


@pytest.fixture(scope="module")
def documents(shipped: Pack) -> dict[str, Any]:
    """As Grafana reads them: from the generated text."""
    files = [file for file in build.grafana_files(shipped) if file.path.endswith(".json")]
    return {file.path: json.loads(file.text) for file in files}


def panels_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in document["panels"] if panel["type"] != "row"]


def closed(properties: dict[str, Any], *optional: str) -> dict[str, Any]:
    """An object with these keys and no others."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": required}


STRING, NUMBER, BOOL = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
DATASOURCE = closed({"type": {"const": "prometheus"}, "uid": {"const": "${datasource}"}})
LINK = closed(
    {
        "title": STRING,
        "type": {"enum": ["link", "dashboards"]},
        "asDropdown": BOOL,
        "icon": STRING,
        "includeVars": BOOL,
        "keepTime": BOOL,
        "tags": {"type": "array", "items": STRING},
        "targetBlank": BOOL,
        "tooltip": STRING,
        "url": STRING,
    }
)
PANEL = closed(
    {
        "id": {"type": "integer", "minimum": 1},
        "type": {"enum": ["stat", "timeseries", "table"]},
        "title": {"type": "string", "minLength": 1},
        "description": {"type": "string", "minLength": 20},
        "datasource": DATASOURCE,
        "gridPos": closed({"h": NUMBER, "w": NUMBER, "x": NUMBER, "y": NUMBER}),
        "pluginVersion": STRING,
        "fieldConfig": closed(
            {
                "defaults": closed(
                    {
                        "color": closed({"mode": {"enum": ["thresholds", "palette-classic"]}}),
                        "custom": {"type": "object"},
                        "mappings": {"type": "array"},
                        "max": {"type": "number"},
                        "min": {"type": "number"},
                        "noValue": STRING,
                        "thresholds": closed(
                            {
                                "mode": {"const": "absolute"},
                                "steps": {
                                    "type": "array",
                                    "minItems": 1,
                                    "items": closed({"color": STRING, "value": {"type": ["number", "null"]}}),
                                },
                            }
                        ),
                        "unit": {"enum": sorted(UNITS)},
                    },
                    "min",
                    "max",
                ),
                "overrides": {"type": "array"},
            }
        ),
        "options": {"type": "object"},
        "links": {"type": "array", "items": LINK},
        "targets": {
            "type": "array",
            "minItems": 1,
            "items": closed(
                {
                    "datasource": DATASOURCE,
                    "editorMode": {"const": "code"},
                    "expr": {"type": "string", "minLength": 1},
                    "format": {"enum": ["table", "time_series"]},
                    "instant": BOOL,
                    "legendFormat": STRING,
                    "range": BOOL,
                    "refId": {"type": "string", "pattern": "^[A-Z]$"},
                }
            ),
        },
        "transformations": {"type": "array"},
    }
)


def test_panels_have_the_shape_of_the_classic_schema(documents: dict[str, Any]) -> None:
    """Closed objects: a misspelt key would be dropped by Grafana in silence."""
    for document in documents.values():
        assert {"annotations", "panels", "templating", "time", "title", "uid", "version"} <= set(document)
        assert document["schemaVersion"] == 41
        assert document["editable"] is False
        for panel in panels_of(document):
            jsonschema.validate(panel, PANEL)
            assert panel["type"] not in REMOVED
        jsonschema.validate(document["links"], {"type": "array", "items": LINK})


def test_ids_and_refids_are_unique(documents: dict[str, Any]) -> None:
    """Panels without an id are dropped when Grafana migrates; equal refIds hide queries."""
    for document in documents.values():
        ids = [panel["id"] for panel in document["panels"]]
        assert len(set(ids)) == len(ids)
        titles = [panel["title"] for panel in panels_of(document)]
        assert len(set(titles)) == len(titles)
        for panel in panels_of(document):
            refs = [target["refId"] for target in panel["targets"]]
            assert len(set(refs)) == len(refs)


def test_panels_lie_on_the_grid_without_overlap(documents: dict[str, Any]) -> None:
    """Inside 24 columns, each cell taken once, rows in order."""
    for document in documents.values():
        taken: set[tuple[int, int]] = set()
        for panel in document["panels"]:
            at = panel["gridPos"]
            assert 0 <= at["x"] < at["x"] + at["w"] <= 24
            cells = {
                (x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
            }
            assert not taken & cells, panel["title"]
            taken |= cells
        heights = [panel["gridPos"]["y"] for panel in document["panels"]]
        assert heights == sorted(heights)


def test_every_query_asks_for_what_exists(shipped: Pack, documents: dict[str, Any]) -> None:
    """Expanded, each query parses and passes the catalogue; rates follow the resolution of the panel."""
    for document in documents.values():
        expanded = expand_targets(document, {})
        targets = [target for panel in panels_of(document) for target in panel["targets"]]
        assert len(expanded) == len(targets)
        for (_, expression), target in zip(expanded, targets, strict=True):
            labels = promql.output_labels(expression, shipped.catalogue)
            assert {match[1] for match in LEGEND.finditer(target["legendFormat"])} <= labels
            assert re.search(r"\bi?rate\([^()]*\[(?!\$__rate_interval\])", target["expr"]) is None
            assert "$__rate_interval" in target["expr"] or "rate(" not in target["expr"]


def test_variables_are_defined_used_and_in_order(documents: dict[str, Any]) -> None:
    """A variable asks only for those before it, and each narrows some query."""
    for document in documents.values():
        variables = document["templating"]["list"]
        assert variables[0]["name"] == "datasource"
        text = json.dumps(document["panels"])
        before: set[str] = set()
        for variable in variables:
            asked = set(re.findall(r'"\$(\w+)"', variable.get("definition", "")))
            assert asked <= before
            assert f"${variable['name']}" in text or f"${{{variable['name']}" in text
            before.add(variable["name"])
            if variable["type"] == "query":
                assert variable["datasource"]["uid"] == "${datasource}"
                selector = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"])
                assert selector is not None
                promql.parsed(re.sub(r"\$\w+", ".*", selector[1]))


def test_links_lead_to_dashboards_that_exist(documents: dict[str, Any]) -> None:
    """And hand over only variables that are defined on both sides."""
    by_uid = {document["uid"]: document for document in documents.values()}
    found = 0
    for document in documents.values():
        for panel in panels_of(document):
            for link in panel["links"]:
                uid = re.match(r"/d/([\w-]+)\?", link["url"])
                assert uid is not None
                handed = set(re.findall(r"\$\{(\w+):queryparam\}", link["url"]))
                for end in (document, by_uid[uid[1]]):
                    assert handed <= {variable["name"] for variable in end["templating"]["list"]}
                found += 1
    assert found > 0


def test_alerts_link_to_the_panel_that_draws_their_signal(shipped: Pack, documents: dict[str, Any]) -> None:
    """Dashboard, panel and variables of every link exist in what is generated."""
    by_uid = {document["uid"]: document for document in documents.values()}
    linked = 0
    for alert in shipped.alerts.values():
        if not alert.dashboard_url:
            continue
        match = re.match(r"http://localhost:3000/d/([\w-]+)\?viewPanel=(\d+)(.*)", alert.dashboard_url)
        assert match is not None
        document = by_uid[match[1]]
        panel = next(panel for panel in panels_of(document) if panel["id"] == int(match[2]))
        names = {variable["name"] for variable in document["templating"]["list"]}
        assert set(re.findall(r"var-(\w+)=", match[3])) <= names
        threshold = alert.signal.source.threshold
        steps = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
        assert threshold is not None
        assert threshold.side == "equals" or threshold.value in steps
        linked += 1
    assert linked >= 12


def test_thresholds_follow_a_site() -> None:
    """What a site overrides moves the line in the panel with the alert."""
    site = Overrides(
        {"signals": {"postgres.sessions_blocked": {"threshold": {"above": 77}}}}, file="site.yaml"
    )
    pack = read_pack(
        rules=ROOT / "rules",
        dashboards=ROOT / "dashboards",
        declarations=declarations(),
        overrides=site,
        parameters=site.merged_parameters({}),
    )
    drawn = panels_of(pack.dashboards.documents["obs-overview"])
    panel = next(panel for panel in drawn if panel["title"] == "Sessions blocked by a lock")
    assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][1]["value"] == 77
    assert pack.expressions.condition(pack.alerts["PostgresSessionsBlocked"].signal).endswith("> 77")


def test_dashboards_are_small_and_provisioned(shipped: Pack, documents: dict[str, Any]) -> None:
    """Small enough for Kubernetes; the data source a choice, never a fixed uid; provisioned from a folder."""
    files = {file.path: file.text for file in build.grafana_files(shipped)}
    for path in documents:
        assert len(files[path].encode()) < LARGEST
        assert "__inputs" not in files[path]
        assert "observer-prometheus" not in files[path]
    assert len({document["uid"] for document in documents.values()}) == len(documents)
    provider = yaml.safe_load(files["provisioning/dashboards/observer.yml"])["providers"][0]
    assert provider["options"]["path"] == shipped.parameters.grafana_dashboards_path
    source = yaml.safe_load(files["provisioning/datasources/observer.yml"])["datasources"][0]
    assert (source["uid"], source["jsonData"]["timeInterval"]) == ("observer-prometheus", "15s")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"legend": "{{pool}}"}, "the legend prints pool"),
        ({"signal": "postgres.upp"}, "there is no signal postgres.upp"),
        ({"opens": "obs-nowhere"}, "opens obs-nowhere, which is no dashboard"),
        ({"signal": None}, "either signal or targets"),
        ({"width": 25}, "less than or equal to 24"),
        ({"top": "most"}, "there is no choice most"),
    ],
)
def test_a_wrong_panel_is_refused(shipped: Pack, tmp_path: Path, change: dict[str, Any], what: str) -> None:
    """With file and place, before anything is written."""
    panel = {"type": "stat", "width": 4, "signal": "postgres.up", "legend": "{{target}}"} | change
    template = {
        "uid": "obs-x",
        "title": "X",
        "description": "An example.",
        "variables": [{"name": "job", "label": "Job", "values_of": ["pg_up"]}],
        "rows": [
            {"title": "Row", "panels": [{name: value for name, value in panel.items() if value is not None}]}
        ],
    }
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(template), "utf-8")
    with pytest.raises(TemplateError, match=what) as caught:
        DashboardWriter(shipped.expressions, shipped.catalogue).everything(tmp_path)
    assert caught.value.file == "dashboards/templates/x.yaml"
    assert "rows" in caught.value.path
