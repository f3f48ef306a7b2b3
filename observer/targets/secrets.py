"""Secrets as functions that are asked at every connection, so that rotation needs no restart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from observer.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pydantic import SecretStr


def read_secret(file: Path) -> str:
    """The content of a secret file, without the white space that editors leave around it.

    Raises:
        ConfigurationError: It cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ConfigurationError(f"the secret file {file} cannot be read: {reason}") from None


def password_source(password: SecretStr | None, file: Path | None) -> Callable[[], str | None]:
    """A function that gives the password as it is now; the file comes before the setting."""
    if file is not None:
        return lambda: read_secret(file)
    return lambda: password.get_secret_value() if password is not None else None


def setting(value: SecretStr | None, file: Path | None) -> str:
    """A setting that may stand in a file of its own."""
    if value is not None:
        return value.get_secret_value()
    return read_secret(file) if file is not None else ""


def torn(address: str) -> bool:
    """Whether a URI was torn apart within its password, whose ``/`` was not percent-encoded.

    Then pieces of the password stand in its host, port and path, and would be shown as the address.
    """
    _, _, rest = address.partition("://")
    _, _, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    return "@" in path
