"""Overrides: a site's own file, laid over parameters, signals and alerts by id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from observer.generator import tree
from observer.generator.faults import TemplateError, did_you_mean
from observer.generator.parameters import Duration, Parameters
from observer.generator.validation import validated

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


class SignalOverride(BaseModel):
    """What a site may change of a signal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold: dict[str, float] | None = None
    parameters: dict[str, float | str] | None = None


class AlertOverride(BaseModel):
    """What a site may change of an alert."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool | None = None
    severity: str | None = None
    waits: Duration | None = Field(None, alias="for")
    keep_firing_for: Duration | None = None
    summary: str | None = None
    description: str | None = None
    runbook: str | None = None
    labels: dict[str, str] | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    parameters: dict[str, tree.Tree] = {}
    signals: dict[str, SignalOverride] = {}
    alerts: dict[str, AlertOverride] = {}


class Overrides:
    """What a site changes, still as trees, so that each lands on its source before that is checked.

    Args:
        source: The tree of the site's file; empty for none.

        file: Its name, for errors.
    """

    def __init__(self, source: Mapping[str, tree.Tree] | None = None, *, file: str = "") -> None:
        self.file = file
        parsed = validated(_File, source or {}, file=file)
        self.parameters = parsed.parameters
        self.signals = {k: v.model_dump(exclude_unset=True) for k, v in parsed.signals.items()}
        self.alerts = {k: v.model_dump(exclude_unset=True, by_alias=True) for k, v in parsed.alerts.items()}

    def refuse_unknown(self, section: str, known: Iterable[str]) -> None:
        """Refuse ids that nothing bears.

        Raises:
            TemplateError: One is unknown; the closest known ones are named.
        """
        names = set(known)
        for name in sorted(set(getattr(self, section)) - names):
            raise TemplateError(
                file=self.file,
                path=f"{section}.{name}",
                what="there is nothing of this id to override",
                mend=did_you_mean(name, names),
            )

    def merged_parameters(self, given: Mapping[str, object]) -> Parameters:
        """The parameters: defaults, then the file, then what the command line gives.

        Raises:
            TemplateError: One is unknown, or does not fit.
        """
        validated(Parameters, self.parameters, file=self.file, path="parameters")
        return validated(Parameters, {**self.parameters, **given}, file="command line", path="parameters")


def load(path: Path | None) -> Overrides:
    """The overrides in a site's file; none without one.

    Raises:
        TemplateError: The file is missing, or cannot be understood.
    """
    if path is None:
        return Overrides()
    if not path.is_file():
        raise TemplateError(
            file=str(path), path="", what="there is no such file", mend="Give an existing YAML file."
        )
    return Overrides(tree.load(path, file=str(path)), file=str(path))
