"""Server settings as metrics: ``pg_settings_shared_buffers_bytes``. Names and units as upstream's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from observer.exporter.declaration import Family, MetricDeclaration, one

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NAME = "settings"

PREFIX = "pg_settings_"
"""What the names of these metrics begin with; the rest is the server's."""

QUERY = b"""
SELECT s.name, s.setting, coalesce(s.unit, ''), s.short_desc, s.vartype
  FROM pg_catalog.pg_settings s
 WHERE s.vartype IN ('bool', 'integer', 'real')
"""

_SECONDS = {"us": 1e-6, "ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}
_SIZE = re.compile(r"(\d*)(B|kB|MB|GB|TB)")
_FOREIGN = re.compile(r"[^a-zA-Z0-9_]")


def families(rows: Iterable[Sequence[Any]]) -> list[Family]:
    """A gauge for every setting that is a number or a switch; one whose unit is unknown is left out."""
    found = []
    for name, setting, unit, description, vartype in rows:
        value = _value(setting, vartype)
        scale = _scale(unit)
        if value is None or scale is None:
            continue
        suffix, factor = scale
        metric = MetricDeclaration(
            f"{PREFIX}{_FOREIGN.sub('_', name)}{suffix}",
            "gauge",
            f"Server setting {name}: {description or ''}".rstrip(": "),
            "postgres",
            collector=NAME,
        )
        # -1 stands for "off" or "choose yourself" and has no unit.
        found.append(one(metric, value if value == -1 or factor == 1 else value * factor))
    return found


def _value(setting: str, vartype: str) -> float | None:
    if vartype == "bool":
        return int(setting == "on")
    try:
        return int(setting) if vartype == "integer" else float(setting)
    except ValueError:
        return None


def _scale(unit: str) -> tuple[str, float] | None:
    if not unit:
        return "", 1
    if unit in _SECONDS:
        return "_seconds", _SECONDS[unit]
    match = _SIZE.fullmatch(unit)
    return ("_bytes", int(match[1] or 1) * _BYTES[match[2]]) if match else None
