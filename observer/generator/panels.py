"""Panels as Grafana's classic JSON: fields, options and thresholds by type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from observer.generator.dashboards import PanelSource
    from observer.generator.signals import Signal, Threshold

Json = dict[str, Any]

DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
GOOD, BAD = "green", "red"
GRAFANA_UNITS = {"bool": "short"}
PLUGIN_VERSION = "12.0.0"
"""Tells Grafana which of its panel migrations are already done."""


def thresholds(threshold: Threshold | None) -> Json:
    """Steps of colour at the very value at which the alert fires."""
    if threshold is None:
        steps: list[Json] = [{"color": GOOD, "value": None}]
    elif threshold.side == "below":
        steps = [{"color": BAD, "value": None}, {"color": GOOD, "value": threshold.value}]
    elif threshold.side == "equals":
        steps = [{"color": BAD, "value": None}, {"color": GOOD, "value": threshold.value + 1}]
    else:
        steps = [{"color": GOOD, "value": None}, {"color": BAD, "value": threshold.value}]
    return {"mode": "absolute", "steps": steps}


def mappings(unit: str) -> list[Json]:
    """Words for a signal that is either 0 or 1."""
    if unit != "bool":
        return []
    return [
        {
            "type": "value",
            "options": {
                "0": {"text": "down", "color": BAD, "index": 0},
                "1": {"text": "up", "color": GOOD, "index": 1},
            },
        }
    ]


def _timeseries(panel: PanelSource, unit: str, *, lined: bool) -> tuple[Json, Json, str]:
    custom = {
        "drawStyle": "line",
        "lineInterpolation": "stepAfter" if unit == "bool" else "linear",
        "lineWidth": 1,
        "fillOpacity": 20 if panel.stacked else 5,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"group": "A", "mode": "normal" if panel.stacked else "none"},
        "thresholdsStyle": {"mode": "line" if lined else "off"},
        "axisPlacement": "auto",
        "axisLabel": "",
    }
    options = {
        "legend": {
            "calcs": ["mean", "max", "lastNotNull"],
            "displayMode": "table",
            "placement": "bottom",
            "showLegend": True,
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return custom, options, "palette-classic"


def _stat() -> tuple[Json, Json, str]:
    options = {
        "colorMode": "background",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "percentChangeColorMode": "standard",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "showPercentChange": False,
        "textMode": "auto",
        "wideLayout": True,
    }
    return {}, options, "thresholds"


def _table(panel: PanelSource) -> tuple[Json, Json, str]:
    first = next((target.column for target in panel.queries if target.column), "")
    options = {
        "cellHeight": "sm",
        "showHeader": True,
        "sortBy": [{"desc": True, "displayName": first}] if first else [],
    }
    custom = {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False}
    return custom, options, "thresholds"


def _columns(panel: PanelSource, ref_ids: Sequence[str]) -> list[Json]:
    """One table of all queries: rows joined by their labels, columns named, the rest left out."""
    values = {f"Value #{ref}": target.column for ref, target in zip(ref_ids, panel.queries, strict=True)}
    if len(ref_ids) == 1:
        values = {"Value": panel.queries[0].column}
    kept = {**panel.columns, **{name: column for name, column in values.items() if column}}
    hidden = {"Time": True} | {name: True for name, column in values.items() if not column}
    return [
        {"id": "merge", "options": {}},
        {
            "id": "organize",
            "options": {
                "excludeByName": hidden,
                "includeByName": dict.fromkeys(kept, True),
                "indexByName": {name: at for at, name in enumerate(kept)},
                "renameByName": {name: column for name, column in kept.items() if name != column},
            },
        },
    ]


def _shape(panel: PanelSource, unit: str, *, lined: bool) -> tuple[Json, Json, str]:
    """What is particular to the type of a panel: fields, options, and how colours are chosen."""
    if panel.type == "timeseries":
        return _timeseries(panel, unit, lined=lined)
    return _stat() if panel.type == "stat" else _table(panel)


def panel_json(
    panel: PanelSource,
    *,
    number: int,
    place: Mapping[str, int],
    signal: Signal | None,
    expressions: Sequence[str],
    links: Sequence[Json],
) -> Json:
    """One panel.

    Args:
        panel: As it was written.

        number: Its id, unique in the dashboard and above zero: Grafana drops panels without one.

        place: Its gridPos.

        signal: From which it takes what it does not say itself, and its threshold.

        expressions: One per query, ready for Grafana.

        links: Where its menu leads.
    """
    unit = panel.unit or (signal.source.unit if signal else "short")
    threshold = signal.source.threshold if signal else None
    lined = threshold is not None and unit != "bool"
    custom, options, colour = _shape(panel, unit, lined=lined)
    table = panel.type == "table"
    ref_ids = [chr(ord("A") + at) for at in range(len(expressions))]
    defaults: Json = {
        "color": {"mode": colour},
        "custom": custom,
        "mappings": mappings(unit),
        "noValue": "none",
        "thresholds": thresholds(threshold),
        "unit": GRAFANA_UNITS.get(unit, unit),
    }
    if panel.type == "timeseries":
        defaults["min"] = 0
    if unit in ("percentunit", "bool") and panel.type == "timeseries":
        defaults["max"] = 1
    overrides = [
        {
            "matcher": {"id": "byName", "options": target.column},
            "properties": [{"id": "unit", "value": GRAFANA_UNITS.get(target.unit, target.unit)}],
        }
        for target in panel.queries
        if table and target.unit is not None
    ]
    return {
        "id": number,
        "type": panel.type,
        "title": panel.title or (signal.source.title if signal else ""),
        "description": (panel.description or (signal.source.description if signal else "")).strip(),
        "datasource": DATASOURCE,
        "gridPos": dict(place),
        "pluginVersion": PLUGIN_VERSION,
        "fieldConfig": {"defaults": defaults, "overrides": overrides},
        "options": options,
        "links": list(links),
        "targets": [
            {
                "datasource": DATASOURCE,
                "editorMode": "code",
                "expr": expression,
                "format": "table" if table else "time_series",
                "instant": panel.type != "timeseries",
                "legendFormat": target.legend or "__auto",
                "range": panel.type == "timeseries",
                "refId": ref,
            }
            for ref, target, expression in zip(ref_ids, panel.queries, expressions, strict=True)
        ],
        "transformations": _columns(panel, ref_ids) if table else [],
    }


def row_json(title: str, *, number: int, y: int) -> Json:
    """A heading over panels."""
    return {
        "id": number,
        "type": "row",
        "title": title,
        "collapsed": False,
        "gridPos": {"h": 1, "w": 24, "x": 0, "y": y},
        "panels": [],
    }
