"""Expressions: signals rendered into PromQL, as values, as conditions, and without one of their guards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from observer.generator import promql, tree
from observer.generator.catalogue import Metric
from observer.generator.durations import seconds_of, text_of
from observer.generator.faults import ExpressionError, TemplateError, did_you_mean
from observer.generator.signals import DENOMINATOR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from observer.generator.catalogue import Catalogue
    from observer.generator.parameters import Parameters
    from observer.generator.signals import Signal


@dataclass(frozen=True, slots=True)
class Expressions:
    """Renders signals.

    Args:
        signals: By id.

        parameters: The site's.
    """

    signals: Mapping[str, Signal]
    parameters: Parameters
    _trail: tuple[str, ...] = field(default=())

    def signal(self, name: str, *, file: str, path: str) -> Signal:
        """The signal of that name.

        Raises:
            TemplateError: There is none.
        """
        if name not in self.signals:
            raise TemplateError(
                file=file, path=path, what=f"there is no signal {name}", mend=did_you_mean(name, self.signals)
            )
        return self.signals[name]

    def site_variables(self, *, file: str, path: str) -> dict[str, object]:
        """What any expression may name: the site's parameters, ranges, and signals by their ids."""
        return {
            **self.parameters.template_variables(),
            "over": lambda text: f"[{text_of(self.parameters.range_seconds(seconds_of(text)))}]",
            "ago": lambda text: text_of(seconds_of(text) * self.parameters.range_scale),
            "seconds": lambda text: self.parameters.range_seconds(seconds_of(text)),
            "signal": lambda name: self.reference(name, file=file, path=path),
        }

    def variables(self, signal: Signal) -> dict[str, object]:
        """What templates inside a signal, and tests of its alerts, may name."""
        source = signal.source
        threshold = {"threshold": source.threshold.value} if source.threshold else {}
        inner = self._within(signal)
        return {
            **inner.site_variables(file=signal.file, path=signal.id),
            **source.parameters,
            **threshold,
            "by": ", ".join(source.labels),
        }

    def _within(self, signal: Signal) -> Expressions:
        if signal.id in self._trail:
            circle = " -> ".join((*self._trail, signal.id))
            raise TemplateError(
                file=signal.file, path=signal.id, what=f"refers to itself: {circle}", mend="Break the circle."
            )
        return Expressions(self.signals, self.parameters, (*self._trail, signal.id))

    def reference(self, name: str, *, file: str, path: str) -> str:
        """How another expression asks for a signal: by its recorded name, or by all of it in brackets."""
        signal = self.signal(name, file=file, path=path)
        return signal.source.record or f"({self.value(signal)})"

    def _rendered(self, signal: Signal, text: str | float, where: str) -> str:
        made = tree.render(
            text, self.variables(signal), file=signal.file, path=f"signals.{signal.id}.{where}"
        )
        return tree.number_text(made) if isinstance(made, float) else str(made).strip()

    def value(self, signal: Signal, *, without: str | None = None) -> str:
        """The expression whose value is compared and drawn.

        Args:
            signal: Which.

            without: The name of a guard to leave out.
        """
        ratio = signal.source.ratio
        if ratio is None:
            return self._rendered(signal, signal.source.expr or "", "expr")
        numerator = self._rendered(signal, ratio.numerator, "ratio.numerator")
        denominator = self._rendered(signal, ratio.denominator, "ratio.denominator")
        if ratio.denominator_above is None or without == DENOMINATOR:
            return f"({numerator}) / ({denominator})"
        least = self._rendered(signal, ratio.denominator_above, "ratio.denominator_above")
        return f"({numerator}) / (({denominator}) > {least})"

    def asked(self, signal: Signal) -> str:
        """What a panel or an alert asks: the recorded series where there is one."""
        return signal.source.record or self.value(signal)

    def condition(self, signal: Signal, *, without: str | None = None) -> str:
        """The expression that has results exactly while the signal is bad, in canonical form.

        Raises:
            TemplateError: The signal has no threshold, or is not PromQL.
        """
        threshold = signal.source.threshold
        if threshold is None:
            raise TemplateError(
                file=signal.file,
                path=f"signals.{signal.id}.threshold",
                what="an alert needs a threshold, and the signal has none",
                mend="Add threshold: {above: ...}.",
            )
        value = self.asked(signal) if without is None else self.value(signal, without=without)
        text = f"({value}) {threshold.operator} {tree.number_text(threshold.value)}"
        for at, guard in enumerate(signal.source.guards):
            if without != str(at):
                kept = self._rendered(signal, guard.keep, f"guards[{at}].keep")
                text += f" and on ({', '.join(signal.source.labels)}) ({kept})"
        try:
            return promql.canonical(text)
        except ExpressionError as error:
            raise signal.fault(error, "expr") from error

    def check(self, signal: Signal, catalogue: Catalogue) -> None:
        """Check a signal's expression and guards against the catalogue, its labels and the retention.

        Raises:
            TemplateError: Something is wrong.
        """
        value = self.value(signal)
        try:
            labels = promql.output_labels(value, catalogue)
            if signal.source.threshold:
                promql.output_labels(self.condition(signal), catalogue)
        except ExpressionError as error:
            raise signal.fault(error, "ratio" if signal.source.ratio else "expr") from error
        declared = frozenset(signal.source.labels)
        if labels != declared:
            raise signal.fault(
                ExpressionError(
                    f"declares the labels {', '.join(sorted(declared))}, but its expression yields "
                    f"{', '.join(sorted(labels)) or 'none'}",
                    "Group by [[ by ]], which is made from the declared labels.",
                ),
                "labels",
            )
        self._check_ranges(signal, value)

    def _check_ranges(self, signal: Signal, value: str) -> None:
        """No range beyond what is kept, and none too narrow for a failed scrape."""
        guards = [
            self._rendered(signal, guard.keep, f"guards[{at}].keep")
            for at, guard in enumerate(signal.source.guards)
        ]
        for text in (value, *guards):
            if promql.longest_look_back(text) > self.parameters.retention:
                raise signal.fault(
                    ExpressionError(
                        f"looks back further than samples are kept ({text_of(self.parameters.retention)})",
                        "Shorten its range, or raise the parameter retention with Prometheus's own setting.",
                    ),
                    "expr",
                )
            shortest = promql.shortest_range(text)
            if shortest is not None and shortest < self.parameters.range_seconds(0):
                raise signal.fault(
                    ExpressionError(
                        f"has a range of {text_of(shortest)}, which falls silent when one scrape fails",
                        'Write it as [[ over("5m") ]], which is never shorter than four scrapes.',
                    ),
                    "expr",
                )

    def recorded(self) -> tuple[Metric, ...]:
        """The series that recording rules make of signals, as the catalogue knows them."""
        return tuple(
            Metric(signal.source.record, "gauge", frozenset(signal.source.labels), "recorded")
            for signal in self.signals.values()
            if signal.source.record
        )
