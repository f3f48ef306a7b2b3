"""Signals: named, guarded expressions with one threshold, which alerts, panels and objectives refer to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from observer.generator import tree
from observer.generator.faults import ExpressionError, TemplateError, did_you_mean
from observer.generator.validation import validated

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


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
        TemplateError: The override names what the signal does not have, or turns its threshold round.
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
