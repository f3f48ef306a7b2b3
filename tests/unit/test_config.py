"""Settings from file, environment and options: what comes first, and how faults in them are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from observer.config.load import load
from observer.config.problems import SettingsError, did_you_mean, dotted
from observer.config.units import host_and_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CANARY = "c4n4ry"
DSN = f"postgresql://observer:{CANARY}@db:5432/app"


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        file = tmp_path / "observer.yml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def refused(**how: Any) -> list[str]:
    """The problems that a loading tells, as lines; the secret is in none of them."""
    with pytest.raises(SettingsError) as caught:
        load(**how)
    told = [*map(str, caught.value.problems), caught.value.sentence, caught.value.remedy, repr(caught.value)]
    assert not any(CANARY in line for line in told)
    assert caught.value.__cause__ is None
    return [str(problem) for problem in caught.value.problems]


def test_nothing_given_is_the_defaults() -> None:
    """An Observer without targets is a valid one."""
    settings = load()
    assert settings.listen == "127.0.0.1:9188"
    assert settings.postgres == ()
    assert settings.scrape.max_age == 1.0


def test_options_come_before_the_environment_and_both_before_the_file(
    written: Callable[[str], Path],
) -> None:
    """The nearer to the person, the stronger; what none of them says stays as it was."""
    file = written(
        "listen: ':1'\nlog: {level: debug}\nscrape: {deadline: 2s}\npostgres: [{dsn: 'host=file'}]\n"
    )
    environment = {
        "OBSERVER__LISTEN": ":2",
        "OBSERVER__SCRAPE__DEADLINE": "300ms",
        "OBSERVER__POSTGRES__0__NAME": "main",
        "PATH": "/bin",
    }
    settings = load(file=file, environment=environment, options={("listen",): ":3"})
    assert settings.listen == ":3"
    assert settings.scrape.deadline == 0.3
    assert settings.log.level == "debug"
    assert settings.postgres[0].name == "main"
    assert settings.postgres[0].dsn == SecretStr("host=file")


def test_targets_are_named_by_their_kind() -> None:
    """Names that nobody chose are the same on every start."""
    options: dict[tuple[str | int, ...], object] = {
        ("redis", 0, "url"): "redis://a",
        ("redis", 1, "url"): "redis://b",
    }
    assert [target.name for target in load(options=options).redis] == ["redis", "redis-2"]


def test_many_targets_in_the_environment() -> None:
    """The tenth comes after the ninth, however their names are sorted."""
    environment = {f"OBSERVER__REDIS__{n}__URL": f"redis://host-{n}" for n in range(12)}
    urls = [target.url for target in load(environment=environment).redis]
    assert urls == [SecretStr(f"redis://host-{n}") for n in range(12)]


def test_every_problem_is_told_at_once_with_its_place(written: Callable[[str], Path]) -> None:
    """File and line, environment variable or option; path; and what was probably meant."""
    file = written(
        "\n".join(
            [
                "lissten: 127.0.0.1:9188",
                "postgres:",
                f"  - dns: {DSN}",
                "    name: ' bad name'",
                f"    password: {CANARY}",
                "scrape:",
                "  deadline: soon",
                "log:",
                "  level: loud",
                "redis:",
                f"  - url: http://:{CANARY}@cache",
            ]
        )
    )
    problems = refused(
        file=file,
        environment={"OBSERVER__SCRAPE__BUDGET": CANARY, "OBSERVER__HIKARI__0__REPLICA": "a"},
        options={("listen",): CANARY},
    )
    expected = [
        (f"{file}:1: lissten", "Did you mean 'listen'?"),
        (f"{file}:3: postgres[0].dns: is not a setting", "Did you mean 'dsn'?"),
        (f"{file}:4: postgres[0].name", "letters, digits"),
        (f"{file}:7: scrape.deadline: not a duration", "300ms, 5s"),
        (f"{file}:9: log.level", "'warning'"),
        (f"{file}:11: redis[0]: the URL must begin with", "redis://"),
        ("environment variable OBSERVER__SCRAPE__BUDGET: scrape.budget", "300ms"),
        ("environment variable OBSERVER__HIKARI__0__REPLICA: hikari[0]: give exactly one of", "url and urls"),
        ("option --listen: listen", "127.0.0.1:9188"),
    ]
    for beginning, within in expected:
        assert [p for p in problems if p.startswith(beginning) and within in p], (beginning, problems)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("postgres: [{dsn: a, dsn_file: b}]", "exactly one of dsn and dsn_file, not both"),
        ("postgres: [{name: x}]", "exactly one of dsn and dsn_file"),
        ("redis: [{url: 'redis://a', name: x}]\npostgres: [{dsn: a, name: x}]", "share the name x"),
        ("scrape: {max_age: 0}", "greater than 0"),
        ("postgres: [{dsn: a, statements: {top: 0}}]", "postgres[0].statements.top"),
        ("postgres: [{dsn: a, statements: {tpo: 5}}]", "Did you mean 'top'?"),
        (f"postgres: ['{DSN}']", "postgres[0]: must be a section"),
        (f"postgres: {{dsn: '{DSN}'}}", "postgres: must be a list"),
        ("1: 2", "observer.yml:1: [1]: keys should be strings"),
        ("- a", "must be a mapping"),
        ("a: [", "observer.yml:1: is not valid YAML"),
        (f"postgres: [{{password: *{CANARY}}}]", "is not valid YAML: found undefined alias"),
        (f"postgres: [{{password: !{CANARY} x}}]", "is not valid YAML: could not determine a constructor"),
        ("postgres: [{dsn: a, password_file: /nowhere/file}]", "password_file: cannot be read: No such"),
        ("listen: host", "listen is not host:port"),
        ("postgres: [{dsn: a, databases: [app]}]", "postgres[0].databases: must be a section"),
        ("redis: [{url: 'redis://a', keys: {groups: [a]}}]", "redis[0].keys.groups: must be a mapping"),
        ("advise: {budget: 10}", "advise.budget: must be a text: put it in quotes"),
        ("advise: {max_width: two}", "advise.max_width: must be a whole number"),
        ("export: perhaps", "export: must be true or false"),
        (
            "slack: {token: a, channel: alerts}",
            "observer.yml:1: slack.channel: 'alerts' is neither a channel's ID",
        ),
        (
            "slack: {token: a, channel: C0A, mentions: {team: '@ops'}}",
            "slack.mentions: team: '@ops' is not a mention",
        ),
        ("slack: {token: a, channel: C0A, mentions: {t=a: '@x'}}", "t=a: '@x' is not a mention by label"),
        ("prometheus: {url: 'localhost:9090'}", "prometheus.url: 'localhost:9090' is no URL"),
        ("alerts: {alertmanagers: [alertmanager]}", "alerts.alertmanagers[0]: 'alertmanager' is no URL"),
    ],
)
def test_what_is_wrong_is_said(written: Callable[[str], Path], text: str, what: str) -> None:
    """In one plain sentence, without the value of any secret."""
    problems = refused(file=written(text))
    assert any(what in problem for problem in problems), problems


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_an_empty_file_is_no_fault(written: Callable[[str], Path], text: str) -> None:
    """It says nothing."""
    assert load(file=written(text)) == load()


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """It is named, with the reason."""
    assert "cannot be read: No such file" in refused(file=tmp_path / "none.yml")[0]
    (tmp_path / "binary.yml").write_bytes(b"\xff\xfe\x00")
    assert "is not UTF-8" in refused(file=tmp_path / "binary.yml")[0]


@pytest.mark.parametrize(
    "environment",
    [
        {"OBSERVER__POSTGRES__1__DSN": CANARY},
        {"OBSERVER__LISTEN": ":1", "OBSERVER__LISTEN__PORT": CANARY},
        {"OBSERVER__POSTGRES__FIRST__DSN": CANARY},
        {"OBSERVER__": CANARY},
        {"OBSERVER__LISTEN__0": CANARY},
    ],
)
def test_an_environment_that_does_not_fit(environment: dict[str, str]) -> None:
    """The variable is named."""
    assert any("OBSERVER__" in problem for problem in refused(environment=environment))


@pytest.mark.parametrize("text", ["postgres: {dsn: a}", "postgres: text", "postgres: 5"])
def test_options_that_do_not_fit_the_file(written: Callable[[str], Path], text: str) -> None:
    """A target on the command line beside a file whose targets are no list is a clear error as well."""
    problems = refused(file=written(text), options={("postgres", 0, "dsn"): DSN})
    assert any("postgres" in problem for problem in problems)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("127.0.0.1:9188", ("127.0.0.1", 9188)),
        ("[::1]:80", ("::1", 80)),
        (":0", ("0.0.0.0", 0)),
    ],
)
def test_where_to_listen(text: str, parts: tuple[str, int]) -> None:
    """Host and port, with brackets around an IPv6 address."""
    assert host_and_port(text) == parts


@pytest.mark.parametrize("text", ["host", "host:port", "host:70000", "", ":", "1:-1"])
def test_where_nobody_can_listen(text: str) -> None:
    """The message shows the form."""
    with pytest.raises(ValueError, match=r"127\.0\.0\.1:9188"):
        host_and_port(text)


def test_paths_are_written_as_people_write_them() -> None:
    """Lists in brackets, the rest with dots."""
    assert dotted(("postgres", 0, "statements", "top")) == "postgres[0].statements.top"


def test_names_that_are_near_are_proposed() -> None:
    """If none is, all are shown."""
    assert did_you_mean("dns", ["dsn", "name"]) == "Did you mean 'dsn'?"
    assert did_you_mean("zzz", ["dsn", "name"]) == "Known here: dsn, name."


def test_an_unknown_collector_is_told_with_the_nearest(written: Callable[[str], Path]) -> None:
    """Misspelling a collector would leave it running, or never start it."""
    file = written("postgres:\n  - dsn: host=db\n    collectors:\n      lcoks: false\n      sizes: true\n")

    def known() -> set[str]:
        return {"locks", "sizes"}

    assert refused(file=file, collectors=known) == [
        f"{file}:4: postgres[0].collectors.lcoks: is not a collector. Did you mean 'locks'?"
    ]
    assert load(file=file).postgres[0].collectors == {"lcoks": False, "sizes": True}


def test_a_schedule_cannot_weigh_by_what_is_not_kept(written: Callable[[str], Path]) -> None:
    """Blocks have no history: the error says what can be written, and how to have it by hand."""
    [problem] = refused(file=written("advise: {weigh: blocks}\n"))
    assert "blocks are not kept" in problem
    assert "observer advise DSN --weigh blocks" in problem
    settings = load(file=written("advise: {weigh: calls}\n"))
    assert settings.advise.weigh == "calls"
