"""Alerts: one file each, a signal and its threshold with severity, words, runbook and tests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from observer.generator import tree, wording
from observer.generator.durations import text_of
from observer.generator.faults import ExpressionError, TemplateError
from observer.generator.parameters import Duration  # noqa: TC001 - pydantic reads it at run time
from observer.generator.validation import validated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from observer.generator.catalogue import Catalogue
    from observer.generator.expressions import Expressions
    from observer.generator.signals import Signal

Severity = Literal["page", "ticket", "info"]
WORDS = ("summary", "description", "runbook")
TESTS_WANTED = (
    "Say under which series the alert fires (fires_when), and under which it stays silent (silent_when)."
)


class Series(BaseModel):
    """One series of a test: a selector, and what happens to it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    series: str
    values: str | float


class FiringCase(BaseModel):
    """Series that must make the alert fire, and what it then says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    series: tuple[Series, ...] = ()
    labels: dict[str, str] = {}
    value: float
    after: Duration | None = Field(
        None, description="How long into the last segment; else until all has settled."
    )


class SilentCase(BaseModel):
    """Series that look alarming, or nearly, and must not make the alert fire."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    series: tuple[Series, ...] = Field(min_length=1)


class Tests(BaseModel):
    """An alert is refused without both kinds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    interval: Duration | None = Field(None, description="Coarser than scrapes, for cases that last for days.")
    fires_when: tuple[FiringCase, ...] = Field(min_length=1)
    silent_when: tuple[SilentCase, ...] = Field(min_length=1)


class AlertSource(BaseModel):
    """An alert as it is written in ``rules/alerts``; tests are read apart, since they name its threshold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    alert: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]+$")]
    signal: str
    severity: Severity
    waits: Duration = Field(alias="for")
    keep_firing_for: Duration = 0.0
    summary: str = Field(min_length=1)
    description: str = Field(min_length=1)
    runbook: str = Field(min_length=1)
    labels: dict[str, str] = {}
    mutes: tuple[str, ...] = ()
    enabled: bool = True
    tests: dict[str, tree.Tree]


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that has passed every check."""

    id: str
    file: str
    source: AlertSource
    signal: Signal
    tests: Tests
    waits: float
    keeps_firing: float
    dashboard_url: str = ""

    def annotations(self) -> dict[str, str]:
        """Its words, as templates."""
        return {
            "summary": self.source.summary.strip(),
            "description": self.source.description.strip(),
            "runbook": self.source.runbook.strip(),
            **({"dashboard_url": self.dashboard_url} if self.dashboard_url else {}),
        }

    def labels(self) -> dict[str, str]:
        """The labels that it adds to those of its signal."""
        return {"severity": self.source.severity, **self.source.labels}

    def rule(self, expr: str) -> dict[str, object]:
        """The alerting rule, as Prometheus reads it."""
        waits = {"for": text_of(self.waits)} if self.waits else {}
        keeps = {"keep_firing_for": text_of(self.keeps_firing)} if self.keeps_firing else {}
        return {
            "alert": self.id,
            "expr": expr,
            **waits,
            **keeps,
            "labels": self.labels(),
            "annotations": self.annotations(),
        }


def file_name(alert: str) -> str:
    """The file in which an alert is looked for: words apart, small."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", alert).lower() + ".yaml"


def _tests(source: AlertSource, variables: Mapping[str, object], *, file: str) -> Tests:
    for wanted in ("fires_when", "silent_when"):
        if not source.tests.get(wanted):
            raise TemplateError(
                file=file, path=f"tests.{wanted}", what="an alert is refused without it", mend=TESTS_WANTED
            )
    return validated(
        Tests, tree.render(source.tests, variables, file=file, path="tests"), file=file, path="tests"
    )


def source_of(raw: Mapping[str, tree.Tree], override: Mapping[str, tree.Tree], *, file: str) -> AlertSource:
    """An alert's source with a site's override laid over it.

    Raises:
        TemplateError: It has no tests, it cannot be understood, or its file bears another name.
    """
    if "tests" not in raw:
        raise TemplateError(
            file=file, path="tests", what="an alert is refused without tests", mend=TESTS_WANTED
        )
    merged = {**raw, **override}
    if "labels" in override:
        merged["labels"] = {**raw.get("labels", {}), **override["labels"]}
    source = validated(AlertSource, merged, file=file)
    if file_name(source.alert) != file.rpartition("/")[2]:
        raise TemplateError(
            file=file,
            path="alert",
            what=f"the alert {source.alert} lies in a file of another name",
            mend=f"Rename the file to {file_name(source.alert)}.",
        )
    return source


def checked(source: AlertSource, *, file: str, expressions: Expressions, catalogue: Catalogue) -> Alert:
    """The alert, once its signal exists, its words fit the signal, and its tests stand.

    Raises:
        TemplateError: Something is wrong.
    """
    signal = expressions.signal(source.signal, file=file, path="signal")
    expressions.check(signal, catalogue)
    expressions.condition(signal)
    labels = frozenset(signal.source.labels) | {"severity"} | frozenset(source.labels)
    words = {name: getattr(source, name) for name in WORDS}
    words = tree.render(words, expressions.variables(signal), file=file)
    for name, text in words.items():
        try:
            wording.check(text, labels=labels, unit=signal.source.unit)
        except ExpressionError as error:
            raise TemplateError(file=file, path=name, what=error.what, mend=error.mend) from error
    parameters = expressions.parameters
    waits = parameters.for_seconds(source.waits)
    moment = max(parameters.scrape_interval, waits // 4)
    variables = {**expressions.variables(signal), "moment": text_of(moment), "waits": waits}
    return Alert(
        id=source.alert,
        file=file,
        source=source.model_copy(update=words),
        signal=signal,
        tests=_tests(source, variables, file=file),
        waits=waits,
        keeps_firing=parameters.for_seconds(source.keep_firing_for),
    )
