"""Scoping: an expression under the variables of a dashboard, and back to plain PromQL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import promql_parser

from observer.generator import promql
from observer.generator.faults import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from observer.generator.catalogue import Catalogue

RATE_RANGE = re.compile(r"\b(i?rate\([^\[\]()]+)\[\w+\]")
RATE_INTERVAL = "$__rate_interval"
VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)(?::\w+)?\}|\$([A-Za-z_]\w*)")

BUILT_IN = {
    "__rate_interval": "1m",
    "__interval": "15s",
    "__range": "1h",
}
"""What Grafana fills in itself, for a range of an hour and scrapes every fifteen seconds."""


def scoped(expression: str, catalogue: Catalogue, labels: Iterable[str]) -> str:
    """The expression with ``label=~"$label"`` in every selector whose metric carries the label.

    Selectors that name the label themselves keep what they say. Ranges of rates follow the resolution.

    Raises:
        ExpressionError: It is not PromQL, or a selector cannot be rewritten.
    """
    wanted = list(labels)

    def visit(node: Any) -> Any:  # noqa: ANN401 - the parser's node classes share no useful base
        if not isinstance(node, promql_parser.VectorSelector) or node.name is None:
            return None
        metric = catalogue.find(node.name)
        have = {matcher.name for matcher in node.matchers.matchers}
        added = [
            promql_parser.Matcher(promql_parser.MatchOp.Re, label, f"${label}")
            for label in wanted
            if metric is not None and label in metric.labels and label not in have
        ]
        if not added:
            return None
        node.matchers = promql_parser.Matchers([*node.matchers.matchers, *added])
        try:
            return promql_parser.parse(str(node))
        except ValueError as error:
            raise ExpressionError(
                f"{node} cannot be rewritten for a dashboard", "Avoid quotes and backslashes in label values."
            ) from error

    text = promql.printed(promql_parser.transform(promql.parsed(expression), visit))
    return RATE_RANGE.sub(rf"\1[{RATE_INTERVAL}]", text)


def expand(expression: str, variables: Mapping[str, str]) -> str:
    """The expression with every ``$name`` and ``${name}`` replaced.

    Args:
        expression: As it stands in a dashboard.

        variables: Values by name, over those that Grafana fills in itself.

    Raises:
        ExpressionError: A variable has no value.
    """
    known = {**BUILT_IN, **variables}

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name not in known:
            raise ExpressionError(f"the variable ${name} has no value, in: {expression}", "Define it.")
        return known[name]

    return VARIABLE.sub(value, expression)


def expand_targets(dashboard: Mapping[str, Any], variables: Mapping[str, str]) -> list[tuple[str, str]]:
    """Every query of a dashboard as plain PromQL, with the title of its panel.

    Args:
        dashboard: The dashboard's JSON, parsed.

        variables: Values by name, for instance ``{"job": "observer"}``; those that are not given
            take what the dashboard itself starts with: everything.

    Raises:
        ExpressionError: An expression names a variable that the dashboard does not define.
    """
    values = {**initial_values(dashboard), **variables}
    return [
        (panel["title"], expand(target["expr"], values))
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    ]


def initial_values(dashboard: Mapping[str, Any]) -> dict[str, str]:
    """The values with which a dashboard opens, as Grafana would fill them in."""
    values: dict[str, str] = {}
    for variable in dashboard["templating"]["list"]:
        current = variable["current"].get("value", "")
        first = current[0] if isinstance(current, list) else current
        values[variable["name"]] = variable.get("allValue") or ".*" if first == "$__all" else str(first)
    return values
