"""Annotations: the few template forms that alerts may use, and what they will read like."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from observer.generator.faults import ExpressionError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WITH = re.compile(r"\{\{ with \$labels\.(\w+) \}\}(.*?)\{\{ end \}\}", re.DOTALL)
LABEL = re.compile(r"\{\{ \$labels\.(\w+)( \| urlquery)? \}\}")
VALUE = re.compile(r"\{\{ \$value \| ([^}]+?) \}\}")
PRINTF = re.compile(r'printf "(%\.\df)"')
FORMS = (
    "Use {{ $labels.NAME }}, {{ $labels.NAME | urlquery }}, "
    "{{ with $labels.NAME }}text {{ . }}{{ end }}, or {{ $value | FUNCTION }} with "
    'humanize, humanize1024, humanizeDuration, humanizePercentage or printf "%.0f".'
)

UNIT_FUNCTIONS = {"s": "humanizeDuration", "percentunit": "humanizePercentage", "bytes": "humanize1024"}
"""How a value is to be printed for its unit; values of other units take humanize or printf."""


def _scaled(value: float, prefixes: tuple[str, ...], base: float) -> str:
    prefix = ""
    for candidate in prefixes:
        if abs(value) < base:
            break
        prefix, value = candidate, value / base
    return f"{value:.4g}{prefix}"


def _small(value: float) -> str:
    prefix = ""
    for candidate in ("m", "u", "n", "p", "f", "a", "z", "y"):
        if abs(value) >= 1:
            break
        prefix, value = candidate, value * 1000
    return f"{value:.4g}{prefix}"


def _humanize(value: float) -> str:
    if value == 0 or not math.isfinite(value):
        return f"{value:.4g}"
    if abs(value) < 1:
        return _small(value)
    return _scaled(value, ("k", "M", "G", "T", "P", "E", "Z", "Y"), 1000)


def _humanize1024(value: float) -> str:
    if abs(value) <= 1 or not math.isfinite(value):
        return f"{value:.4g}"
    return _scaled(value, ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"), 1024)


def _humanize_duration(value: float) -> str:
    if not math.isfinite(value):
        return f"{value:.4g}"
    if abs(value) < 1:
        return f"{_small(value)}s" if value else "0s"
    sign = "-" if value < 0 else ""
    whole = int(abs(value))
    days, hours, minutes, seconds = whole // 86400, whole // 3600 % 24, whole // 60 % 60, whole % 60
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    return f"{sign}{minutes}m {seconds}s" if minutes else f"{sign}{abs(value):.4g}s"


FUNCTIONS: Mapping[str, Callable[[float], str]] = {
    "humanize": _humanize,
    "humanize1024": _humanize1024,
    "humanizeDuration": _humanize_duration,
    "humanizePercentage": lambda value: f"{value * 100:.4g}%",
}
"""Prometheus's template functions, digit for digit."""


def _function(name: str) -> Callable[[float], str]:
    printf = PRINTF.fullmatch(name)
    if printf:
        form = printf[1]
        return lambda value: form % value
    if name not in FUNCTIONS:
        raise ExpressionError(
            f"{{{{ $value | {name} }}}} is not supported", did_you_mean(name, FUNCTIONS) or FORMS
        )
    return FUNCTIONS[name]


def read(template: str, *, labels: Mapping[str, str], value: float) -> str:
    """The text that Prometheus will make of an annotation.

    Raises:
        ExpressionError: The template uses a form that is not supported.
    """
    text = WITH.sub(lambda m: m[2].replace("{{ . }}", labels[m[1]]) if labels.get(m[1]) else "", template)
    text = LABEL.sub(lambda m: quote_plus(labels.get(m[1], "")) if m[2] else labels.get(m[1], ""), text)
    return VALUE.sub(lambda m: _function(m[1])(value), text)


def check(template: str, *, labels: frozenset[str], unit: str) -> None:
    """Refuse an annotation that would print a lost label, or a value in a form that hides its unit.

    Raises:
        ExpressionError: It would.
    """
    for match in (*WITH.finditer(template), *LABEL.finditer(template)):
        if match[1] not in labels:
            raise ExpressionError(
                f"prints the label {match[1]}, which the expression has aggregated away (left are "
                f"{', '.join(sorted(labels))})",
                "Keep the label in the signal's labels, or do not print it.",
            )
    wanted = UNIT_FUNCTIONS.get(unit)
    for match in VALUE.finditer(template):
        _function(match[1])
        if (wanted or match[1]) != match[1] or (wanted is None and match[1] in UNIT_FUNCTIONS.values()):
            raise ExpressionError(
                f"prints a value in {unit} through {match[1]}",
                f"Print it through {wanted or 'humanize'}.",
            )
    rest = VALUE.sub("", LABEL.sub("", WITH.sub("", template)))
    if "{{" in rest or "}}" in rest:
        raise ExpressionError("uses a form of template that is not supported", FORMS)
