"""Runs the migrations: ``python -m observer.store.migrate FILE [REVISION]``."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.exc import SQLAlchemyError

from observer.store.engine import writing


def configuration() -> Config:
    """Alembic's settings, with the scripts that are shipped in this package."""
    config = Config()
    # The interpolation of the settings' values gives the per cent sign a meaning of its own.
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def migrate(path: Path, revision: str = "head") -> None:
    """Bring the file at ``path`` to ``revision`` in one transaction."""
    if not path.exists() or path.stat().st_size == 0:
        # Only an empty file can be told to give pages back later.
        fresh = sqlite3.connect(path)
        fresh.execute("PRAGMA auto_vacuum = INCREMENTAL")
        fresh.execute("VACUUM")
        fresh.close()
    engine = writing(path)
    try:
        with engine.begin() as connection:
            config = configuration()
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    finally:
        engine.dispose()


def main(arguments: list[str]) -> int:
    """Exit code 0 when the file is migrated; else 1, with the reason as the last line on standard error."""
    try:
        migrate(Path(arguments[0]), *arguments[1:2])
    except (SQLAlchemyError, sqlite3.Error, OSError) as fault:
        print(str(fault).splitlines()[0], file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
