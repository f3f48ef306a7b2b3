"""What a server must be and have for a collector to run: its version, its role, an extension."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from observer.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

Role = Literal["", "primary", "standby"]
Version = tuple[int, ...]

_BOUND = re.compile(r"(>=|<)([\d.]+)")
_EXTENSION = re.compile(r"([a-z_][\w-]*)((?:(?:>=|<)\d+(?:\.\d+)*,?)*)")
_KEYS = ("server", "extension", "role")
_OLDEST = 80000
"""Below this a number is no ``server_version_num``: people write 17 for 170000."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """What must hold.

    Args:
        at_least: Least ``server_version_num``.
        below: The first ``server_version_num`` that it is not for.
        extension: The extension that must be installed in the database; empty for none.
        extension_at_least: The extension's least version.
        extension_below: Its first version that it is not for; empty for no bound.
        role: Which role the server must have; empty for either.
    """

    at_least: int = 0
    below: int = 10_000_000
    extension: str = ""
    extension_at_least: Version = ()
    extension_below: Version = ()
    role: Role = ""

    def met(self, *, version: int, standby: bool) -> bool:
        """Whether the server is of the right version and role."""
        return self.at_least <= version < self.below and self.role != ("primary" if standby else "standby")

    def has_extension(self, installed: Mapping[str, tuple[str, Version]]) -> bool:
        """Whether the extension is there in a version that will do.

        Args:
            installed: Schema and version by name.
        """
        if not self.extension:
            return True
        found = installed.get(self.extension)
        if found is None:
            return False
        version = found[1]
        return self.extension_at_least <= version and (
            not self.extension_below or version < self.extension_below
        )


def parse(value: object, *, file: str) -> Requirement:
    """Read ``requires`` of a header.

    Args:
        value: As in ``{server: ">=140000,<170000", extension: "pg_buffercache>=1.4", role: primary}``.
        file: Stands in errors.

    Raises:
        ConfigurationError: It says something else.
    """
    if not isinstance(value, dict):
        raise ConfigurationError(
            f"{file}: requires is not a mapping",
            remedy="Write requires: {server: '>=140000'}, with any of " + ", ".join(_KEYS) + ".",
        )
    unknown = sorted(str(key) for key in value if key not in _KEYS)
    if unknown:
        raise ConfigurationError(
            f"{file}: requires has the key {unknown[0]}",
            remedy=f"It may have {', '.join(_KEYS)}.",
        )
    at_least, below = _server(value.get("server", ""), file)
    extension, extension_at_least, extension_below = _extension(value.get("extension", ""), file)
    role = value.get("role", "")
    if role not in get_args(Role):
        raise ConfigurationError(
            f"{file}: requires.role is {role!r}",
            remedy="Write primary or standby; leave it out for both.",
        )
    return Requirement(at_least, below, extension, extension_at_least, extension_below, role)


def _server(value: object, file: str) -> tuple[int, int]:
    bounds = {">=": 0, "<": 10_000_000}
    for part in filter(None, str(value).replace(" ", "").split(",")):
        match = _BOUND.fullmatch(part)
        if match is None or not match[2].isdigit() or int(match[2]) < _OLDEST:
            raise ConfigurationError(
                f"{file}: requires.server must be like '>=140000,<170000', not {part!r}",
                remedy="Versions are written as server_version_num tells them: 170000 is version 17.0.",
            )
        bounds[match[1]] = int(match[2])
    return bounds[">="], bounds["<"]


def _extension(value: object, file: str) -> tuple[str, Version, Version]:
    if value == "":
        return "", (), ()
    match = _EXTENSION.fullmatch(str(value).replace(" ", ""))
    if match is None:
        raise ConfigurationError(
            f"{file}: requires.extension is {value!r}",
            remedy="Write its name, or its name and version: 'pg_buffercache>=1.4' or 'hypopg>=1.3,<2'.",
        )
    bounds: dict[str, Version] = {">=": (), "<": ()}
    for sign, number in _BOUND.findall(match[2]):
        bounds[sign] = tuple(map(int, number.split(".")))
    return match[1], bounds[">="], bounds["<"]
