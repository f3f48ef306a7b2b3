"""Dashboards as they are written: rows of panels that refer to signals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from observer.generator import tree
from observer.generator.faults import TemplateError
from observer.generator.signals import Unit  # noqa: TC001 - pydantic reads it at run time
from observer.generator.validation import validated

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = 24


class VariableSource(BaseModel):
    """A choice at the top of a dashboard: the values of a label, or a list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z_]+$")]
    label: str
    values_of: tuple[str, ...] = ()
    may_be_absent: bool = False
    choices: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if bool(self.values_of) == bool(self.choices):
            raise ValueError("either values_of or choices is wanted, and not both")
        return self


class TargetSource(BaseModel):
    """One query of a panel."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    signal: str | None = None
    expr: str | None = None
    legend: str = ""
    column: str = ""
    unit: Unit | None = None
    top: str | None = None

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if (self.signal is None) == (self.expr is None):
            raise ValueError("either signal or expr is wanted, and not both")
        return self


class PanelSource(BaseModel):
    """A panel; what it does not say itself it takes from its signal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["stat", "timeseries", "table"]
    width: int = Field(ge=1, le=COLUMNS)
    height: int = Field(8, ge=2, le=24)
    title: str | None = None
    description: str | None = None
    unit: Unit | None = None
    signal: str | None = None
    legend: str = ""
    targets: tuple[TargetSource, ...] = ()
    columns: dict[str, str] = {}
    stacked: bool = False
    opens: str | None = None
    top: str | None = Field(
        None, description="The variable that says how many of its signal's series are shown."
    )

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if (self.signal is None) == (not self.targets):
            raise ValueError("either signal or targets is wanted, and not both")
        if self.signal is None and None in (self.title, self.description, self.unit):
            raise ValueError("a panel without a signal needs title, description and unit of its own")
        return self

    @property
    def queries(self) -> tuple[TargetSource, ...]:
        """Its queries; the one of its signal where it has one."""
        return self.targets or (TargetSource(signal=self.signal, legend=self.legend, top=self.top),)


class RowSource(BaseModel):
    """Panels under a heading."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    panels: tuple[PanelSource, ...] = Field(min_length=1)


class DashboardSource(BaseModel):
    """A dashboard as it is written in ``dashboards/templates``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    uid: Annotated[str, Field(pattern=r"^obs-[a-z0-9-]{1,36}$")]
    title: str
    description: str
    tags: tuple[str, ...] = ()
    variables: tuple[VariableSource, ...]
    rows: tuple[RowSource, ...] = Field(min_length=1)


def load(folder: Path) -> dict[str, tuple[DashboardSource, str]]:
    """The dashboards in a folder, each with the name of its file, by uid.

    Raises:
        TemplateError: A file cannot be understood; a uid or a title stands twice; a link leads nowhere.
    """
    found: dict[str, tuple[DashboardSource, str]] = {}
    for path in sorted(folder.glob("*.yaml")):
        file = f"dashboards/templates/{path.name}"
        source = validated(DashboardSource, tree.load(path, file=file), file=file)
        for other, other_file in found.values():
            if source.uid == other.uid or source.title == other.title:
                raise TemplateError(
                    file=file,
                    path="uid",
                    what=f"{other_file} has the same uid or title",
                    mend="Give each its own: Grafana stops provisioning the whole folder otherwise.",
                )
        found[source.uid] = (source, file)
    for source, file in found.values():
        for row in source.rows:
            for panel in row.panels:
                if panel.opens is not None and panel.opens not in found:
                    raise TemplateError(
                        file=file,
                        path=f"rows.{row.title}",
                        what=f"a panel opens {panel.opens}, which is no dashboard",
                        mend=f"Known are {', '.join(sorted(found))}.",
                    )
    return found
