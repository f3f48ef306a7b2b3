"""Passwords of one run: made up at its start, kept in private files."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field


def _secret() -> str:
    return secrets.token_urlsafe(18)


@dataclass(frozen=True, slots=True)
class Credentials:
    """One password for each who has to prove who they are."""

    mealsync: str = field(default_factory=_secret, repr=False)
    observer: str = field(default_factory=_secret, repr=False)
    pool_admin: str = field(default_factory=_secret, repr=False)
    redis: str = field(default_factory=_secret, repr=False)
    webhook: str = field(default_factory=_secret, repr=False)
