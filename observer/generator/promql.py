"""PromQL as a tree: which metrics an expression asks, which labels survive it, and what can never work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import promql_parser as promql

from observer.generator.faults import ExpressionError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from observer.generator.catalogue import Catalogue, Metric

NOTHING: frozenset[str] = frozenset()
OF_COUNTERS = frozenset({"rate", "irate", "increase", "resets"})
OF_GAUGES = frozenset({"delta", "idelta", "deriv", "predict_linear", "holt_winters"})
BEARS_COUNTERS = OF_COUNTERS | {
    "absent",
    "absent_over_time",
    "changes",
    "count_over_time",
    "present_over_time",
    "timestamp",
}
BEARING_AGGREGATIONS = frozenset({"count", "group"})
SET_OPERATORS = frozenset({"and", "or", "unless"})
WITHOUT_LABELS = frozenset({"scalar", "vector", "time", "pi"})


def parsed(expression: str) -> Any:  # noqa: ANN401 - the parser's node classes share no useful base
    """The tree of an expression.

    Raises:
        ExpressionError: Prometheus would refuse it.
    """
    try:
        return promql.parse(expression)
    except ValueError as error:
        raise ExpressionError(f"not PromQL: {error}, in: {expression}", "Mend the expression.") from error


def canonical(expression: str) -> str:
    """The expression as Prometheus itself would print it.

    Raises:
        ExpressionError: Prometheus would refuse it.
    """
    return printed(parsed(expression))


def printed(node: Any) -> str:  # noqa: ANN401 - see parsed()
    """A tree as Prometheus itself would print it, without brackets that group nothing."""
    return str(_without_idle_brackets(node).prettify()).strip()


def _reaches(expression: str) -> Iterator[tuple[float, float]]:
    """The range and the offset of every selector and subquery, in seconds."""
    found: list[tuple[float, float]] = []

    def visit(node: object) -> bool:
        match node:
            case promql.MatrixSelector():
                found.append((node.range.total_seconds(), _seconds(node.vector_selector.offset)))
            case promql.VectorSelector():
                found.append((0.0, _seconds(node.offset)))
            case promql.SubqueryExpr():
                found.append((_seconds(node.range), _seconds(node.offset)))
        return True

    promql.walk(parsed(expression), visit)
    yield from found


def _seconds(delta: timedelta | None) -> float:
    return delta.total_seconds() if delta else 0.0


def longest_look_back(expression: str) -> float:
    """Seconds of history that an expression needs: its widest range together with its offset."""
    return max((width + offset for width, offset in _reaches(expression)), default=0.0)


def longest_range(expression: str) -> float:
    """Seconds until a change has reached the whole of the widest range, wherever it is offset to."""
    return max((width for width, _ in _reaches(expression)), default=0.0)


def shortest_range(expression: str) -> float | None:
    """Seconds of its narrowest range; None without one."""
    return min((width for width, _ in _reaches(expression) if width), default=None)


def output_labels(expression: str, catalogue: Catalogue) -> frozenset[str]:
    """The labels that results of an expression may carry, once every part of it was checked.

    Raises:
        ExpressionError: It is not PromQL; it asks a metric or a label that does not exist; it takes the rate
            of a gauge or the bare value of a counter; or two sides can never match.
    """
    return _Inference(catalogue).labels(parsed(expression), bears_counter=False)


@dataclass(frozen=True, slots=True)
class _Inference:
    catalogue: Catalogue

    def labels(self, node: Any, *, bears_counter: bool) -> frozenset[str]:  # noqa: ANN401, PLR0911 - one line per node class
        match node:
            case promql.NumberLiteral() | promql.StringLiteral():
                return NOTHING
            case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
                return self.labels(node.expr, bears_counter=bears_counter)
            case promql.MatrixSelector():
                return self._selector(node.vector_selector, bears_counter=bears_counter)
            case promql.VectorSelector():
                return self._selector(node, bears_counter=bears_counter)
            case promql.Call():
                return self._call(node, bears_counter=bears_counter)
            case promql.AggregateExpr():
                return self._aggregation(node, bears_counter=bears_counter)
            case promql.BinaryExpr():
                return self._binary(node, bears_counter=bears_counter)
        raise ExpressionError(
            f"an unknown kind of expression: {type(node).__name__}", "Write it with what is known."
        )

    def _metric(self, selector: promql.VectorSelector) -> Metric:
        name = selector.name
        if name is None:
            raise ExpressionError(f"{selector} selects without a metric's name", "Name the metric.")
        metric = self.catalogue.find(name)
        if metric is None:
            raise ExpressionError(f"no exporter has a metric {name}", self.catalogue.suggestion(name))
        return metric

    def _selector(self, selector: promql.VectorSelector, *, bears_counter: bool) -> frozenset[str]:
        metric = self._metric(selector)
        for matcher in selector.matchers.matchers:
            if matcher.name not in metric.labels:
                raise ExpressionError(
                    f"{metric.name} has no label {matcher.name}", did_you_mean(matcher.name, metric.labels)
                )
        if metric.type == "counter" and not bears_counter:
            raise ExpressionError(
                f"{metric.name} is a counter, and its bare value only says how long the process has lived",
                "Take rate() or increase() of it.",
            )
        return metric.labels

    def _range_type(self, function: str, argument: Any) -> None:  # noqa: ANN401 - see parsed()
        if not isinstance(argument, promql.MatrixSelector):
            if function in OF_COUNTERS:
                raise ExpressionError(
                    f"{function}() of a computed value takes the end of one series for a reset",
                    f"Take {function}() of each counter first, and aggregate after.",
                )
            return
        metric = self._metric(argument.vector_selector)
        if function in OF_COUNTERS and metric.type in ("gauge", "untyped"):
            raise ExpressionError(
                f"{function}() of {metric.name}, which is a {metric.type}: every fall would count as a reset",
                "Compare the gauge itself, or take delta() or deriv().",
            )
        if function in OF_GAUGES and metric.type == "counter":
            raise ExpressionError(
                f"{function}() of {metric.name}, which is a counter: a reset would read as a fall",
                "Take rate() or increase().",
            )

    def _call(self, call: promql.Call, *, bears_counter: bool) -> frozenset[str]:
        function = call.func.name
        if function in OF_COUNTERS | OF_GAUGES:
            self._range_type(function, call.args[0])
        bears = function in BEARS_COUNTERS or (bears_counter and function.startswith("label_"))
        inner = [self.labels(argument, bears_counter=bears) for argument in call.args]
        if function in WITHOUT_LABELS:
            return NOTHING
        if function in ("absent", "absent_over_time"):
            return _pinned(call.args[0])
        if function in ("label_replace", "label_join"):
            return inner[0] | {call.args[1].val}
        if function == "histogram_quantile":
            if "le" not in inner[1]:
                raise ExpressionError(
                    "histogram_quantile() needs the label le, which was aggregated away", "Add le to by()."
                )
            return inner[1] - {"le"}
        return max(inner, key=len, default=NOTHING)

    def _aggregation(self, node: promql.AggregateExpr, *, bears_counter: bool) -> frozenset[str]:
        operator = str(node.op)
        inner = self.labels(node.expr, bears_counter=bears_counter or operator in BEARING_AGGREGATIONS)
        named = frozenset(node.modifier.labels) if node.modifier else NOTHING
        for label in sorted(named - inner):
            raise ExpressionError(
                f"{operator} groups by {label}, which {node.expr.prettify()} does not carry",
                did_you_mean(label, inner),
            )
        if operator in ("topk", "bottomk", "limitk", "limit_ratio"):
            return inner
        added = frozenset({node.param.val}) if operator == "count_values" and node.param else NOTHING
        if node.modifier is None:
            return added
        return (named if node.modifier.type == promql.AggModifierType.By else inner - named) | added

    def _binary(self, node: promql.BinaryExpr, *, bears_counter: bool) -> frozenset[str]:
        operator = str(node.op)
        left = self.labels(node.lhs, bears_counter=bears_counter)
        right = self.labels(node.rhs, bears_counter=bears_counter)
        for side, other, labels in ((node.lhs, node.rhs, right), (node.rhs, node.lhs, left)):
            if _is_scalar(side):
                return NOTHING if _is_scalar(other) else labels
        modifier = node.modifier
        matching = modifier.matching if modifier else None
        if modifier is None or matching is None:
            if operator != "or" and left != right:
                raise ExpressionError(
                    f"the sides of {operator!r} never match: they carry {_listed(left)} and {_listed(right)}",
                    "Aggregate both by the same labels, or say on(...).",
                )
            return left | right if operator == "or" else left
        on = matching.type == promql.LabelModifierType.Include
        named = frozenset(matching.labels)
        for label in sorted(named - (left & right)) if on else ():
            raise ExpressionError(
                f"on({label}) matches on a label that only one side carries",
                did_you_mean(label, left & right),
            )
        if operator in SET_OPERATORS:
            return left | right if operator == "or" else left
        if modifier.card == promql.VectorMatchCardinality.ManyToOne:
            return left | frozenset(modifier.group_labels or ())
        if modifier.card == promql.VectorMatchCardinality.OneToMany:
            return right | frozenset(modifier.group_labels or ())
        return left & named if on else left - named


def _listed(labels: frozenset[str]) -> str:
    return ", ".join(sorted(labels)) or "none"


def _is_scalar(node: Any) -> bool:  # noqa: ANN401 - see parsed()
    match node:
        case promql.NumberLiteral():
            return True
        case promql.ParenExpr() | promql.UnaryExpr():
            return _is_scalar(node.expr)
        case promql.Call():
            return bool(node.func.return_type == promql.ValueType.Scalar)
        case promql.BinaryExpr():
            return _is_scalar(node.lhs) and _is_scalar(node.rhs)
    return False


def _pinned(node: Any) -> frozenset[str]:  # noqa: ANN401 - see parsed()
    """The labels that absent() can name: those that its selector pins to one value."""
    selector = node.vector_selector if isinstance(node, promql.MatrixSelector) else node
    if not isinstance(selector, promql.VectorSelector):
        return NOTHING
    return frozenset(m.name for m in selector.matchers.matchers if m.op == promql.MatchOp.Equal)


def _without_idle_brackets(node: Any) -> Any:  # noqa: ANN401 - see parsed()
    """The same expression without brackets around what needs none: a selector, a call, an aggregation."""

    def visit(inner: Any) -> Any:  # noqa: ANN401 - see parsed()
        if isinstance(inner, promql.ParenExpr) and not isinstance(
            inner.expr, promql.BinaryExpr | promql.UnaryExpr | promql.SubqueryExpr
        ):
            return inner.expr
        return None

    return promql.transform(node, post_visit=visit)
