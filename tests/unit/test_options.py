"""Options and the environment become settings; a password on the command line is warned of."""

from __future__ import annotations

import argparse

import pytest
from pydantic import SecretStr

from observer.cli import check
from observer.cli.options import add_options, settings_from
from observer.errors import ConfigurationError


def given(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return parser.parse_args(arguments)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OBSERVER_CONFIG", raising=False)


def test_options_are_repeatable() -> None:
    """One for each target, in their order."""
    settings = settings_from(given("--redis", "redis://a", "--redis", "redis://b", "--listen", ":1"))
    assert [target.url for target in settings.redis] == [SecretStr("redis://a"), SecretStr("redis://b")]
    assert settings.listen == ":1"


def test_an_option_and_the_environment_make_one_target(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address may be an option while the rest stands in the environment."""
    monkeypatch.setenv("OBSERVER__POSTGRES__0__NAME", "main")
    [target] = settings_from(given("--postgres", "host=db")).postgres
    assert (target.name, target.dsn) == ("main", SecretStr("host=db"))


@pytest.mark.parametrize(
    ("option", "address"),
    [
        ("--postgres", "postgresql://u:c4n4ry@db/app"),
        ("--postgres", "host=db password=c4n4ry"),
        ("--redis", "redis://:c4n4ry@cache"),
    ],
)
def test_a_password_among_the_arguments_is_warned_of(
    option: str, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every user of the machine sees it; the warning does not repeat it."""
    settings_from(given(option, address))
    told = capsys.readouterr().err
    assert "PASSWORD_FILE=" in told
    assert "c4n4ry" not in told


@pytest.mark.parametrize("address", ["postgresql://u@db:5432/app", "host=db user=u", "postgresql://db/app"])
def test_an_address_without_a_password_is_not(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    """No warning without cause."""
    settings_from(given("--postgres", address))
    assert capsys.readouterr().err == ""


def test_check_says_that_nothing_is_watched(capsys: pytest.CaptureFixture[str]) -> None:
    """It can be meant, as with the store alone, so it is no error; but empty pages are to surprise nobody."""
    assert check.run([]) == 0
    assert "nothing is watched" in capsys.readouterr().err


def test_check_refuses_what_serve_would_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes the application that ``serve`` runs; what that is refused with is told beforehand."""

    def refuse(_: object) -> None:
        raise ConfigurationError("it will not do")

    monkeypatch.setattr(check, "create_app", refuse)
    with pytest.raises(ConfigurationError, match="will not do"):
        check.run([])
