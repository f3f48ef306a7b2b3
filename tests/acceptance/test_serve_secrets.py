"""Passwords: wherever they are given and however they are spelled, nothing that Observer says holds one."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from observer.demo.servers import PostgresServer, RedisServer, ordinary_account, private_directory
from tests.serving import BRISK, ROOT, Serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

CANARY = "Kanari/en:v@gel 'x' %41"
"""Holds everything that has a meaning in a URI or in a connection string."""

SPELLINGS = (
    CANARY,
    quote(CANARY, safe=""),
    quote(CANARY),
    CANARY.replace("'", "\\'"),
    "Kanari",
    "v@gel",
    "v%40gel",
)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server that wants the canary of the role ``watcher``."""
    with (
        private_directory(prefix="observer-secrets-", account=ordinary_account()) as directory,
        PostgresServer.create(directory / "pg", authentication="scram-sha-256") as made,
    ):
        made.create_database("app")
        with made.connect("app") as connection:
            doubled = CANARY.replace("'", "''")
            connection.execute(f"CREATE ROLE watcher LOGIN PASSWORD '{doubled}' IN ROLE pg_monitor".encode())
        yield made


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    with (
        private_directory(prefix="observer-secrets-", account=ordinary_account()) as directory,
        RedisServer.create(directory / "redis") as made,
    ):
        with made.connect() as client:
            client.config_set("requirepass", CANARY)
        made.password = CANARY
        yield made


def uri(server: PostgresServer, password: str | None) -> str:
    return server.dsn("app", user="watcher", password=password)


def pairs(server: PostgresServer, password: str) -> str:
    escaped = password.replace("\\", "\\\\").replace("'", "\\'")
    return f"host={server.host} port={server.port} dbname=app user=watcher password = '{escaped}'"


def redis_uri(server: RedisServer, password: str) -> str:
    return f"redis://:{quote(password, safe='')}@{server.host}:{server.port}/0"


def all_that_is_said(observer: Serving) -> str:
    paths = (
        *("/", "/status.json", "/metrics", "/metrics/main", "/metrics/cache", "/healthz", "/readyz"),
        *("/metrics/nobody", "/probe?target=nobody", "/nothing"),
    )
    return "\n".join([observer.output, *(observer.client.get(path).text for path in paths)])


def assert_silent(said: str) -> None:
    assert [spelling for spelling in SPELLINGS if spelling in said] == []


def settings_of(way: str, server: PostgresServer, redis: RedisServer, directory: Path) -> dict[str, Any]:
    """The two targets, their passwords given in one of the ways."""
    postgres: dict[str, Any] = {"name": "main"}
    cache: dict[str, Any] = {"name": "cache"}
    if way == "file":
        file = directory / "password"
        file.write_text(CANARY + "\n", encoding="utf-8")
        postgres |= {"dsn": uri(server, None), "password_file": str(file)}
        cache |= {"url": redis.url, "password_file": str(file)}
    elif way == "uri":
        postgres |= {"dsn": uri(server, CANARY)}
        cache |= {"url": redis_uri(redis, CANARY)}
    elif way == "pairs":
        postgres |= {"dsn": pairs(server, CANARY)}
        cache |= {"url": redis.url, "password": CANARY}
    elif way == "query":
        postgres |= {"dsn": f"{uri(server, None)}?password={quote(CANARY, safe='')}"}
        cache |= {"url": f"{redis.url}?password={quote(CANARY, safe='')}"}
    elif way == "dsn file":
        file, other = directory / "dsn", directory / "url"
        file.write_text(uri(server, CANARY) + "\n", encoding="utf-8")
        other.write_text(redis_uri(redis, CANARY) + "\n", encoding="utf-8")
        postgres |= {"dsn_file": str(file)}
        cache |= {"url_file": str(other)}
    return {"postgres": [postgres], "redis": [cache], "scrape": BRISK, "log": {"level": "debug"}}


@pytest.mark.parametrize("way", ["file", "uri", "pairs", "query", "dsn file"])
def test_a_right_password_works_and_is_told_nowhere(
    server: PostgresServer, redis_server: RedisServer, tmp_path: Path, way: str
) -> None:
    """However it is given the servers take it, and no page, log or error holds it in any spelling."""
    with Serving(tmp_path, settings_of(way, server, redis_server, tmp_path)) as observer:
        observer.wait_up("main")
        observer.wait_up("cache")
        assert_silent(all_that_is_said(observer))
        # A connection that breaks is where drivers like to quote how they connected.
        server.execute(
            "postgres",
            "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity"
            " WHERE application_name LIKE 'observer/%'",
        )
        observer.fresh("main")
        observer.stop()
        assert_silent(observer.output)


def test_a_password_in_the_environment(
    server: PostgresServer, redis_server: RedisServer, tmp_path: Path
) -> None:
    """Environment variables work as the file does, and are told as little."""
    environment = {
        "OBSERVER__POSTGRES__0__NAME": "main",
        "OBSERVER__POSTGRES__0__DSN": uri(server, None),
        "OBSERVER__POSTGRES__0__PASSWORD": CANARY,
        "OBSERVER__REDIS__0__NAME": "cache",
        "OBSERVER__REDIS__0__URL": redis_server.url,
        "OBSERVER__REDIS__0__PASSWORD": CANARY,
    }
    with Serving(tmp_path, {"scrape": BRISK}, environment=environment) as observer:
        observer.wait_up("main")
        observer.wait_up("cache")
        assert_silent(all_that_is_said(observer))


def test_a_wrong_password_is_not_told_either(
    server: PostgresServer, redis_server: RedisServer, tmp_path: Path
) -> None:
    """The refusal is told with its remedy; what was tried is not."""
    wrong = CANARY + "wrong"
    config = {
        "postgres": [{"name": "main", "dsn": uri(server, wrong)}],
        "redis": [{"name": "cache", "url": redis_uri(redis_server, wrong)}],
        "scrape": BRISK,
    }
    with Serving(tmp_path, config) as observer:
        observer.wait_up("main", up=False)
        observer.wait_up("cache", up=False)
        for target in ("main", "cache"):
            [fault] = observer.status(target)["faults"]
            assert fault["code"] == "permission"
            assert "password" in fault["remedy"]
        assert_silent(all_that_is_said(observer))


def observer_check(arguments: list[str], environment: Mapping[str, str] | None = None) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "observer", "check", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env={"PATH": "/usr/bin", **(environment or {})},
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("way", ["uri", "pairs", "query", "redis", "hikari"])
def test_a_password_among_the_arguments_is_warned_of(server: PostgresServer, way: str) -> None:
    """Everybody on the machine can read arguments: the warning says so, and how else to give it."""
    option, value = {
        "uri": ("--postgres", uri(server, CANARY)),
        "pairs": ("--postgres", pairs(server, CANARY)),
        "query": ("--postgres", f"{uri(server, None)}?password={quote(CANARY, safe='')}"),
        "redis": ("--redis", f"redis://:{quote(CANARY, safe='')}@127.0.0.1:6379/0"),
        "hikari": ("--hikari", f"http://me:{quote(CANARY, safe='')}@127.0.0.1:8080/actuator/prometheus"),
    }[way]
    code, said = observer_check([option, value])
    assert code == 0
    assert f"warning: {option} holds a password" in said
    assert "PASSWORD_FILE" in said
    assert_silent(said)


def test_no_warning_without_a_password(server: PostgresServer) -> None:
    """Addresses alone are no secret."""
    code, said = observer_check(["--postgres", uri(server, None), "--redis", "redis://127.0.0.1:6379/0"])
    assert (code, "warning" in said) == (0, False)


@pytest.mark.parametrize(
    "text",
    [
        f'postgres:\n  - dsn: "postgresql://me:{quote(CANARY)}@host:port:port/x"\n',
        f'postgres:\n  - password: "{CANARY}"\n',
        f'postgres: "{CANARY}"\n',
        f'redis:\n  - url: "http://{quote(CANARY)}"\n    password: ["{CANARY}"]\n',
        f'postgres:\n  - dsn: x\n    dsn: ["{CANARY}"\n',
        f'hikari:\n  - url: "{quote(CANARY)}"\n',
        # What people write who do not know of percent-encoding: the rest of the password looks like a path.
        'postgres:\n  - dsn: "postgresql://me:12/Kanari@127.0.0.1/app"\n',
        'redis:\n  - url: "redis://:12/Kanari@127.0.0.1:6379/0"\n',
        'redis:\n  - url: "redis://:x/Kanari@127.0.0.1:6379/0"\n',
        'hikari:\n  - url: "http://me:12/Kanari@127.0.0.1:8080/actuator/prometheus"\n',
        'hikari:\n  - url: "http://me:x/Kanari@127.0.0.1:8080/actuator/prometheus"\n',
    ],
)
def test_settings_that_are_refused_are_not_quoted(tmp_path: Path, text: str) -> None:
    """An error names the place, never the value."""
    file = tmp_path / "observer.yml"
    file.write_text(text, encoding="utf-8")
    code, said = observer_check(["--config", str(file)])
    assert code == 3
    assert_silent(said)
    assert "Traceback" not in said
