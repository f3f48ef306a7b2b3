"""Signals: named, guarded expressions with one threshold, which alerts, panels and objectives refer to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from observer.generator import promql, tree
from observer.generator.catalogue import Metric
from observer.generator.durations import seconds_of, text_of
from observer.generator.faults import ExpressionError, TemplateError, did_you_mean
from observer.generator.validation import validated

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from observer.generator.catalogue import Catalogue
    from observer.generator.parameters import Parameters

Unit = Literal["s", "percentunit", "bytes", "Bps", "ops", "reqps", "short", "bool"]
OPERATORS = {"above": ">", "at_least": ">=", "below": "<", "equals": "=="}
DENOMINATOR = "denominator"


class Threshold(BaseModel):
    """The one value from which a signal is bad; exactly one key says on which side."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    equals: float | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1 or None in dict(self).fromkeys(self.model_fields_set):
            raise ValueError("exactly one of above, at_least, below or equals is wanted")
        return self

    @property
    def side(self) -> str:
        """The key that is set."""
        return next(iter(self.model_fields_set))

    @property
    def operator(self) -> str:
        """The comparison in PromQL."""
        return OPERATORS[self.side]

    @property
    def value(self) -> float:
        """The value on the right of the comparison."""
        return float(getattr(self, self.side))


class Ratio(BaseModel):
    """A quotient that stays silent while its denominator is too small to mean anything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    numerator: str
    denominator: str
    denominator_above: float | str | None = 0
    because: str = Field(min_length=1, description="Why smaller denominators mean nothing, or cannot be.")


class Guard(BaseModel):
    """A condition without which the threshold means nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keep: str
    because: str = Field(min_length=1)


class SignalSource(BaseModel):
    """A signal as it is written in ``rules/signals``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    description: str
    expr: str | None = None
    ratio: Ratio | None = None
    labels: tuple[str, ...] = Field(min_length=1)
    unit: Unit
    threshold: Threshold | None = None
    parameters: dict[str, float | str] = {}
    guards: tuple[Guard, ...] = ()
    record: Annotated[str, Field(pattern=r"^[a-z_]+:[a-z0-9_]+:[a-z0-9_]+$")] | None = None

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if (self.expr is None) == (self.ratio is None):
            raise ValueError("either expr or ratio is wanted, and not both")
        return self


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal and where it was written."""

    id: str
    file: str
    source: SignalSource

    @property
    def group(self) -> str:
        """The first part of its name: what is observed."""
        return self.id.partition(".")[0]

    @property
    def guard_names(self) -> tuple[str, ...]:
        """The guards that can be taken away to see whether they are needed."""
        ratio = self.source.ratio
        denominator = (DENOMINATOR,) if ratio and ratio.denominator_above is not None else ()
        return denominator + tuple(str(at) for at in range(len(self.source.guards)))

    def fault(self, error: ExpressionError, where: str) -> TemplateError:
        """An error about an expression, placed in this signal."""
        return TemplateError(
            file=self.file, path=f"signals.{self.id}.{where}", what=error.what, mend=error.mend
        )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    signals: dict[str, dict[str, tree.Tree]]


def load(folder: Path, overrides: Mapping[str, tree.Tree]) -> dict[str, Signal]:
    """The signals in a folder, with a site's overrides laid over their sources.

    Raises:
        TemplateError: A file cannot be understood, or an id stands twice.
    """
    paths = {f"rules/signals/{path.name}": path for path in sorted(folder.glob("*.yaml"))}
    return collect({file: tree.load(path, file=file) for file, path in paths.items()}, overrides)


def collect(files: Mapping[str, tree.Tree], overrides: Mapping[str, tree.Tree]) -> dict[str, Signal]:
    """The signals in the trees of some files, with a site's overrides laid over their sources.

    Raises:
        TemplateError: A tree cannot be understood, or an id stands twice.
    """
    signals: dict[str, Signal] = {}
    for file, content in files.items():
        for name, source in validated(_File, content, file=file).signals.items():
            where = f"signals.{name}"
            if name in signals:
                raise TemplateError(
                    file=file,
                    path=where,
                    what=f"stands in {signals[name].file} already",
                    mend="Give it another id.",
                )
            merged = _merged(source, overrides.get(name, {}), file=file, path=where)
            signals[name] = Signal(name, file, validated(SignalSource, merged, file=file, path=where))
    return signals


def _merged(
    source: dict[str, tree.Tree], override: Mapping[str, tree.Tree], *, file: str, path: str
) -> dict[str, tree.Tree]:
    """A signal's source with a site's override laid over it.

    Raises:
        TemplateError: The override names a parameter that the signal does not have, or turns its threshold round.
    """
    for section in ("parameters", "threshold"):
        known = source.get(section) or {}
        for key in override.get(section) or {}:
            if key not in known:
                raise TemplateError(
                    file=file,
                    path=f"{path}.{section}",
                    what=f"an override sets {key}, which the signal does not have",
                    mend=did_you_mean(key, known),
                )
    parameters = {**(source.get("parameters") or {}), **(override.get("parameters") or {})}
    return {**source, **override, **({"parameters": parameters} if parameters else {})}


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
