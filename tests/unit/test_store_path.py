"""Where the store lies, and what its settings may be."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from observer.app.persistence import store_path
from observer.config.model import Settings


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        (
            {"STATE_DIRECTORY": "/var/lib/observer:/var/lib/other", "HOME": "/h"},
            "/var/lib/observer/observer.db",
        ),
        ({"XDG_STATE_HOME": "/x", "HOME": "/h"}, "/x/observer/observer.db"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/h"}, "/h/.local/state/observer/observer.db"),
        ({"HOME": "/h"}, "/h/.local/state/observer/observer.db"),
    ],
)
def test_the_state_directory_of_the_environment(environment: dict[str, str], path: str) -> None:
    """systemd's comes first, then the user's."""
    assert store_path(None, environment) == Path(path)
    assert store_path(Path("/chosen"), environment) == Path("/chosen")


def test_sizes_and_budgets_have_units() -> None:
    """As PostgreSQL writes them."""
    settings = Settings.model_validate(
        {"store": {"size": "2GB"}, "advise": {"budget": "10%", "interval": "1m", "sample_interval": "10s"}}
    )
    assert settings.store.size == 2 * 1024**3
    assert (settings.advise.budget, settings.advise.interval) == ("10%", 60.0)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("store", "size", "a lot"),
        ("store", "size", "10kB"),
        ("advise", "budget", "much"),
        ("advise", "interval", "1s"),
        ("advise", "max_width", 9),
    ],
)
def test_what_cannot_be_used_is_refused(section: str, key: str, value: object) -> None:
    """At the start, and not when the first advice is due."""
    with pytest.raises(ValidationError):
        Settings.model_validate({section: {key: value}})
