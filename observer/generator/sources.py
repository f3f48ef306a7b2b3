"""Where the templates lie: beside the package in a checkout, inside it when it was installed."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from observer.errors import NotAvailable

Family = Literal["rules", "dashboards"]
PACKAGE = Path(__file__).resolve().parent.parent


def installed(family: Family, *, package: Path = PACKAGE) -> Path | None:
    """The folder that the wheel carries, if this is a wheel."""
    folder = package / "data" / family
    return folder if folder.is_dir() else None


def checkout(family: Family, *, package: Path = PACKAGE) -> Path | None:
    """The folder beside the package, if this is a checkout (its build file lies there too)."""
    folder = package.parent / family
    return folder if folder.is_dir() and (package.parent / "pyproject.toml").is_file() else None


def folder_of(family: Family, *, package: Path = PACKAGE) -> Path:
    """The folder with the templates of one family.

    Raises:
        NotAvailable: The installation lacks them.
    """
    folder = checkout(family, package=package) or installed(family, package=package)
    if folder is None:
        raise NotAvailable(
            f"The templates of {family} are missing beside {package} and inside it",
            remedy="Install Observer again: the wheel carries its templates.",
        )
    return folder
