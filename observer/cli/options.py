"""The options that say what is watched, and how they and the environment become settings."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from observer.config.load import load
from observer.config.model import TARGET_KINDS

if TYPE_CHECKING:
    import argparse

    from observer.config.model import Settings
    from observer.config.problems import Path as SettingPath

_ADDRESS = {"postgres": "dsn", "pgbouncer": "dsn", "redis": "url", "hikari": "url"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--config``, ``--listen`` and one repeatable option for each kind of target."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings in YAML (OBSERVER_CONFIG)")
    parser.add_argument("--listen", metavar="HOST:PORT", help="where to serve; 127.0.0.1:9188 by default")
    parser.add_argument("--postgres", action="append", metavar="DSN", help="a PostgreSQL server; repeatable")
    parser.add_argument(
        "--pgbouncer", action="append", metavar="DSN", help="a PgBouncer's console; repeatable"
    )
    parser.add_argument("--redis", action="append", metavar="URL", help="a Redis server; repeatable")
    parser.add_argument(
        "--hikari", action="append", metavar="URL", help="a service's metrics page; repeatable"
    )


def settings_from(given: argparse.Namespace) -> Settings:
    """The settings; a password among the arguments is warned of, since every user of the machine sees it.

    Raises:
        SettingsError: They cannot be used.
    """
    options: dict[SettingPath, object] = {}
    if given.listen is not None:
        options["listen",] = given.listen
    for kind in TARGET_KINDS:
        for index, address in enumerate(getattr(given, kind) or ()):
            options[kind, index, _ADDRESS[kind]] = address
            if _has_password(address):
                print(
                    f"observer: warning: --{kind} holds a password, which everybody on this machine can see. "
                    f"Give it in a file: OBSERVER__{kind.upper()}__{index}__PASSWORD_FILE=/path/to/file",
                    file=sys.stderr,
                )
    file = given.config or (Path(os.environ["OBSERVER_CONFIG"]) if "OBSERVER_CONFIG" in os.environ else None)
    return load(file=file, environment=os.environ, options=options, collectors=_collectors)


def _collectors() -> frozenset[str]:
    # Late: most settings name none, and a health check should not read every collector for it.
    from observer.exporter.postgres.collectors import collector_names  # noqa: PLC0415 - see above

    return collector_names()


def _has_password(address: str) -> bool:
    _, _, rest = address.partition("://")
    user, at, _ = rest.rpartition("@")
    return (bool(at) and ":" in user) or re.search(r"password\s*=", address) is not None
