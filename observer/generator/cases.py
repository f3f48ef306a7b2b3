"""Cases: the promtool test of an alert, made from what its author says must and must not fire."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import promql_parser

from observer.generator import promql, wording
from observer.generator.durations import seconds_of, text_of
from observer.generator.faults import ExpressionError, TemplateError, did_you_mean
from observer.generator.tree import number_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from observer.generator.alerts import Alert, FiringCase, Series
    from observer.generator.catalogue import Catalogue
    from observer.generator.parameters import Parameters

SEGMENT = re.compile(r"(?P<what>absent|[+-]?[\d.]+(?:e[+-]?\d+)?)(?P<rate>/s)?(?: for (?P<span>\w+))?")
SETTLING = 4
"""Evaluations that a case is given beyond its range and its ``for``."""
SILENT_LOOKS = 8
"""How often a silent case is looked at, evenly over its length."""
SHAPES = "Write segments like: 1 for 5m, +10/s for 1h, absent for 5m, 0 - the last one lasts to the end."


class Timeline:
    """A series over time, in words: constant, growing per second, or absent; then in promtool's notation.

    Args:
        text: Segments parted by commas; each but the last says ``for`` how long.

    Raises:
        ExpressionError: A segment is none of these.
    """

    def __init__(self, text: str) -> None:
        self.segments: list[tuple[str, bool, float | None]] = []
        parts = [part.strip() for part in text.split(",")]
        for at, part in enumerate(parts):
            match = SEGMENT.fullmatch(part)
            last = at == len(parts) - 1
            if (
                match is None
                or (match["span"] is None) != last
                or (match["what"] == "absent" and match["rate"])
            ):
                raise ExpressionError(f"{part!r} is no segment of a series", SHAPES)
            try:
                span = None if last else seconds_of(match["span"])
            except ValueError as error:
                raise ExpressionError(str(error), SHAPES) from error
            self.segments.append((match["what"], bool(match["rate"]), span))

    @property
    def lead(self) -> float:
        """Seconds before the last segment."""
        return sum(span or 0.0 for _, _, span in self.segments)

    def notation(self, *, interval: float, until: float) -> str:
        """The samples in promtool's notation, one per interval, up to and including ``until``."""
        written: list[str] = []
        samples = 0
        level = 0.0
        end = 0.0
        for what, grows, span in self.segments:
            end = until + interval if span is None else end + span
            count = max(0, math.ceil(round(end / interval, 6)) - samples)
            samples += count
            if count == 0:
                continue
            if what == "absent":
                # A target that vanishes leaves a mark, or the last value would be seen for five minutes more.
                written.append(
                    f"_x{count}" if samples == count else f"stale _x{count - 1}".removesuffix(" _x0")
                )
                continue
            step = float(what) * interval if grows else 0.0
            first = level + step if grows else float(what)
            level = first + step * (count - 1)
            stepped = f"{step:+.12g}" if grows else ""
            written.append(f"{number_text(first)}{stepped}x{count - 1}")
        return " ".join(written)


def _selector(series: Series, defaults: dict[str, str], catalogue: Catalogue) -> str:
    """The series with the labels that a scrape adds, once the catalogue knows its metric and labels."""
    node = promql.parsed(series.series)
    if not isinstance(node, promql_parser.VectorSelector) or node.name is None:
        raise ExpressionError(f"{series.series} is not a series", "Write a metric and its labels.")
    metric = catalogue.find(node.name)
    if metric is None:
        raise ExpressionError(f"no exporter has a metric {node.name}", catalogue.suggestion(node.name))
    labels = defaults | {matcher.name: matcher.value for matcher in node.matchers.matchers}
    for label in sorted(set(labels) - metric.labels):
        raise ExpressionError(f"{metric.name} has no label {label}", did_you_mean(label, metric.labels))
    inner = ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()) if value)
    return f"{node.name}{{{inner}}}"


@dataclass(frozen=True, slots=True)
class _Told:
    """The series of one case in promtool's notation, with the seconds before its last segment and in all."""

    series: list[dict[str, str]]
    lead: float
    until: float

    def test(
        self, name: str, alert: str, looks: Mapping[float, list[dict[str, object]]], *, interval: float
    ) -> dict[str, object]:
        """One test of promtool: what is expected to fire at each of some moments."""
        return {
            "name": name,
            "interval": text_of(interval),
            "input_series": self.series,
            "alert_rule_test": [
                {"eval_time": text_of(moment), "alertname": alert, "exp_alerts": expected}
                for moment, expected in looks.items()
            ],
        }


class CaseWriter:
    """Writes the tests of alerts for one site's parameters.

    Args:
        parameters: The site's.

        catalogue: Every series of a case must exist in it.
    """

    def __init__(self, parameters: Parameters, catalogue: Catalogue) -> None:
        self.scrape_interval = parameters.scrape_interval
        self.catalogue = catalogue
        self.scraped = {"job": parameters.job, "instance": parameters.observer_addresses[0]}

    def _told(self, cases: Iterable[Series], *, settle: float, interval: float) -> _Told:
        timelines = [(series, Timeline(str(series.values))) for series in cases]
        lead = max((timeline.lead for _, timeline in timelines), default=0.0)
        until = math.ceil((lead + settle) / interval) * interval
        written = [
            {
                "series": _selector(series, self.scraped, self.catalogue),
                "values": timeline.notation(interval=interval, until=until),
            }
            for series, timeline in timelines
        ]
        return _Told(written, lead, until)

    def _expected(self, alert: Alert, case: FiringCase) -> dict[str, object]:
        own = {name: self.scraped.get(name, "") for name in alert.signal.source.labels}
        labels = {name: value for name, value in (own | alert.labels() | case.labels).items() if value}
        return {
            "exp_labels": labels,
            "exp_annotations": {
                name: wording.read(text, labels=labels, value=case.value)
                for name, text in alert.annotations().items()
            },
        }

    def document(self, alert: Alert, expr: str, *, rule_file: str) -> dict[str, object]:
        """The test file of one alert.

        Args:
            alert: Which.

            expr: Its expression with every recorded series written out; says how long a case must settle.

            rule_file: Where its rules lie, seen from the test file.

        Raises:
            TemplateError: A case names what no exporter has, or is not understood.
        """
        interval = max(self.scrape_interval, alert.tests.interval or 0.0)
        settle = promql.longest_range(expr) + alert.waits + SETTLING * interval
        tests: list[dict[str, object]] = []
        where = "tests"
        try:
            for at, firing in enumerate(alert.tests.fires_when):
                where = f"tests.fires_when[{at}]"
                after = settle if firing.after is None else firing.after
                told = self._told(firing.series, settle=after, interval=interval)
                looks: dict[float, list[dict[str, object]]] = {}
                if told.lead >= interval:
                    looks[told.lead - interval] = []
                looks[told.until] = [self._expected(alert, firing)]
                tests.append(told.test(f"fires when {firing.name}", alert.id, looks, interval=interval))
            for at, silent in enumerate(alert.tests.silent_when):
                where = f"tests.silent_when[{at}]"
                told = self._told(silent.series, settle=settle, interval=interval)
                moments = (told.until * look / SILENT_LOOKS for look in range(1, SILENT_LOOKS + 1))
                looks = {math.ceil(moment / interval) * interval: [] for moment in moments}
                tests.append(told.test(f"silent when {silent.name}", alert.id, looks, interval=interval))
        except ExpressionError as error:
            raise TemplateError(file=alert.file, path=where, what=error.what, mend=error.mend) from error
        return {
            "rule_files": [rule_file],
            "evaluation_interval": text_of(interval),
            "tests": tests,
        }
