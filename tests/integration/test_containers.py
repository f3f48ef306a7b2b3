"""What the image holds and how it runs, without an engine; what its neighbours are configured with."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from observer.demo.servers import ordinary_account, private_directory
from observer.demo.servers.account import make_directory, may_enter, write_file
from observer.demo.servers.ports import free_port
from observer.demo.servers.process import ServerProcess
from tests.conditions import wait_for
from tests.dockerfile import Builder, Image, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from observer.demo.servers import PostgresServer, RedisServer
    from tests.integration.conftest import AlertmanagerFactory, PrometheusFactory

CHECKOUT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.monitoring.yml").read_text())
PIP = {
    # Downloads of other runs are used, and an ordinary user may call pip in a directory of root's.
    "PIP_NO_CACHE_DIR": "0",
    **{name: value for name, value in os.environ.items() if name.startswith("PIP_") or name == "HOME"},
}


@dataclass(frozen=True, slots=True)
class Built:
    """The image below a directory."""

    builder: Builder
    image: Image

    def path(self, inside: str) -> Path:
        return Path(self.builder.inside(inside))


def _shared_python() -> Path:
    """An interpreter that an ordinary user may run; one in somebody's home would load wrong libraries."""
    account = ordinary_account()
    own = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    for python in (own, Path("/usr/bin/python3")):
        if python.exists() and all(may_enter(account, step) for step in python.resolve().parents):
            return python
    raise AssertionError("no Python that an ordinary user may run; deploy/install-debian installs one")


@pytest.fixture(scope="session")
def built() -> Iterator[Built]:
    """The image, every step carried out; its files belong to whoever built it, and all may read them."""
    with private_directory(prefix="observer-image-") as place:
        place.chmod(0o755)
        builder = Builder(context=CHECKOUT, place=place, python=_shared_python(), environment=PIP)
        image = builder.build(parse((CHECKOUT / "Dockerfile").read_text()))
        yield Built(builder, image)


def test_every_step_of_the_image_can_be_carried_out(built: Built) -> None:
    """The Dockerfile's steps work on this checkout, and what they leave prints its version."""
    observer = built.path("/opt/observer/bin/observer")
    done = subprocess.run([observer, "version"], capture_output=True, text=True, check=True, timeout=30)
    version = done.stdout.strip()
    assert version
    assert built.image.labels["org.opencontainers.image.version"] == version
    assert COMPOSE["services"]["observer"]["image"] == f"${{OBSERVER_IMAGE:-observer-sidecar:{version}}}"


def test_the_image_keeps_nothing_that_installs_or_builds(built: Built) -> None:
    """Neither pip, setuptools nor hatchling is left, and the demo's pool was never there."""
    distributions = {
        found.name.split("-")[0].lower().replace("_", "-")
        for found in built.builder.root.rglob("*.dist-info")
        if found.is_dir()
    }
    assert {"observer-sidecar", "fastapi", "psycopg-binary"} <= {
        name.replace("_", "-") for name in distributions
    }
    assert not distributions & {"pip", "setuptools", "wheel", "hatchling", "psycopg-pool"}
    assert not list(built.builder.root.rglob("bin/pip*"))


def test_the_image_is_small_and_compiled(built: Built) -> None:
    """Its Python packages stay below 140 MB, and every module of Observer has its byte code."""
    (site,) = built.path("/opt/observer/lib").glob("python3*/site-packages")
    size = sum(file.stat().st_size for file in site.rglob("*") if file.is_file())
    print(f"site-packages: {size / 1e6:.1f} MB")
    assert size < 140_000_000
    package = site / "observer"
    modules = [file for file in package.rglob("*.py") if "data" not in file.relative_to(package).parts]
    missing = [file for file in modules if not list((file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"))]
    assert modules
    assert missing == []


def test_the_wheel_brings_the_templates_along(built: Built, tmp_path: Path) -> None:
    """The installed command generates what the checkout has committed, far from any checkout."""
    done = subprocess.run(
        [built.path("/opt/observer/bin/observer"), "generate", "all", "--out", tmp_path / "out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    made = tmp_path / "out" / "prometheus" / "prometheus.yml"
    assert made.read_text() == (CHECKOUT / "rules/generated/prometheus/prometheus.yml").read_text()


@dataclass(frozen=True, slots=True)
class Container:
    """A served image: its process, and how to run another command beside it as ``exec`` does."""

    built: Built
    process: ServerProcess
    home: Path
    port: int

    def healthcheck(self) -> subprocess.CompletedProcess[str]:
        account = self.process.account
        program = [str(self.built.path("/opt/observer/bin") / self.built.image.healthcheck[0])]
        return subprocess.run(
            program + self.built.image.healthcheck[1:],
            env=dict(self.process.environment),
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )


@pytest.fixture
def container(built: Built, postgres: PostgresServer, redis_server: RedisServer) -> Iterator[Container]:
    """The image's own command, as an ordinary user whose home is read-only, with the shipped settings.

    In the settings only the addresses change: those of a user's network become those of real servers.
    """
    account = ordinary_account()
    with private_directory(prefix="observer-container-", account=account) as place:
        secrets = make_directory(place / "secrets", account)
        write_file(secrets / "postgres_password", "", account, mode=0o400)
        write_file(secrets / "redis_password", f"{redis_server.password}\n", account, mode=0o400)
        write_file(secrets / "slack_token", "", account, mode=0o400)
        write_file(secrets / "webhook_token", "t0ken", account, mode=0o400)
        state = make_directory(place / "state", account)
        settings = (CHECKOUT / "deploy/compose/observer.yml").read_text()
        port = free_port()
        for shipped, real in {
            "listen: 0.0.0.0:9188": f"listen: 0.0.0.0:{port}",
            "postgresql://observer@postgres:5432/mealsync": postgres.dsn("app"),
            "redis://redis:6379/0": f"redis://127.0.0.1:{redis_server.port}/0",
            "/run/secrets": str(secrets),
            "/var/lib/observer/observer.db": str(state / "observer.db"),
            "http://alertmanager:9093": "http://127.0.0.1:9",
            "http://prometheus:9090": "http://127.0.0.1:9",
        }.items():
            assert shipped in settings
            settings = settings.replace(shipped, real)
        file = write_file(place / "observer.yml", settings, account, mode=0o400)
        home = make_directory(place / "home", account)
        home.chmod(0o500)
        shipped = "/etc/observer/observer.yml"
        image = built.image
        assert image.environment["OBSERVER_CONFIG"] == shipped
        environment = built.builder.environment() | {"HOME": str(home), "OBSERVER_CONFIG": str(file)}
        command = [str(file) if word == shipped else word for word in image.entrypoint + image.command]
        command[0] = str(built.path("/opt/observer/bin") / command[0])
        process = ServerProcess(
            name="Observer",
            arguments=command,
            directory=home,
            log=place / "observer.log",
            account=account,
            environment=environment,
        )
        process.start()
        try:
            process.wait_until(lambda: _answers(port), seconds=30)
            yield Container(built, process, home, port)
        finally:
            process.stop(signal.SIGTERM)
            home.chmod(0o700)


def _page(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return str(answer.read().decode())


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError, urllib.error.URLError):
        return _page(port, "/healthz") == "ok\n"
    return False


def test_the_image_serves_as_an_ordinary_user_with_a_read_only_home(container: Container) -> None:
    """With the shipped settings PostgreSQL and Redis are up, and nothing was written beside them.

    Slack's token is empty, which the start page says, and a webhook needs its token.
    """
    wanted = ("pg_up 1", "redis_up 1")
    wait_for(
        lambda: all(line in _page(container.port, "/metrics") for line in wanted),
        "both targets up",
    )
    assert Path(f"/proc/{container.process.pid}").stat().st_uid == (
        container.process.account.uid if container.process.account else os.geteuid()
    )
    assert "Slack is told nothing: its token is empty" in _page(container.port, "/")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{container.port}/api/v1/alerts", data=b"{}", timeout=10)
    refused.value.close()
    assert refused.value.code == 401
    assert list(container.home.iterdir()) == []


def test_the_healthcheck_follows_the_process(container: Container) -> None:
    """It exits 0 while Observer serves, and 1 with a reason once it is stopped."""
    well = container.healthcheck()
    assert (well.returncode, well.stderr) == (0, "")
    container.process.stop(signal.SIGTERM)
    gone = container.healthcheck()
    assert gone.returncode == 1
    assert gone.stderr == f"observer: no answer from 127.0.0.1:{container.port}: Connection refused\n"


def test_the_healthcheck_does_not_wait_for_what_hangs(black_hole: Any, tmp_path: Path) -> None:
    """A listener that never answers is unwell after the time-out."""
    file = tmp_path / "observer.yml"
    file.write_text(f"listen: 127.0.0.1:{black_hole.port}\n")
    done = subprocess.run(
        [sys.executable, "-m", "observer", "healthcheck", "--config", file, "--timeout", "0.3"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert done.returncode == 1
    assert "timed out" in done.stderr


def test_mounted_prometheus_configuration_is_accepted() -> None:
    """Promtool takes the folder that is mounted, rules and all."""
    (folder,) = (v.split(":")[0] for v in COMPOSE["services"]["prometheus"]["volumes"] if "rules/" in v)
    _accepted("promtool", "check", "config", CHECKOUT / folder / "prometheus.yml")


def test_mounted_alertmanager_configuration_is_accepted() -> None:
    """Amtool takes the file that is mounted."""
    (folder,) = (v.split(":")[0] for v in COMPOSE["services"]["alertmanager"]["volumes"] if "rules/" in v)
    _accepted("amtool", "check-config", CHECKOUT / folder / "alertmanager.yml")


def _accepted(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def _probe(service: str, port: int) -> int:
    """The service's healthcheck, sent to another port."""
    kind, program, *arguments = COMPOSE["services"][service]["healthcheck"]["test"]
    assert kind == "CMD"
    own = {"prometheus": "9090", "alertmanager": "9093"}[service]
    given = [word.replace(f"127.0.0.1:{own}/", f"127.0.0.1:{port}/") for word in arguments]
    assert given != arguments
    found = shutil.which(program)
    assert found is not None
    return subprocess.run([found, *given], check=False, timeout=20).returncode


def test_the_probes_of_the_others_tell_up_from_down(
    prometheus_factory: PrometheusFactory, alertmanager_factory: AlertmanagerFactory
) -> None:
    """Real servers pass the healthchecks of the Compose file, and a closed port fails them."""
    prometheus = prometheus_factory({"scrape_configs": []})
    generated = CHECKOUT / "rules/generated/alertmanager/alertmanager.yml"
    alertmanager = alertmanager_factory(yaml.safe_load(generated.read_text()))
    assert _probe("prometheus", prometheus.port) == 0
    assert _probe("alertmanager", alertmanager.port) == 0
    closed = free_port()
    assert _probe("prometheus", closed) != 0
    assert _probe("alertmanager", closed) != 0


def test_secrets_are_made_once_and_never_again(tmp_path: Path) -> None:
    """What is given is kept as given, what is made is random, and a second call changes nothing."""
    place = tmp_path / "secrets"

    def make(given: str) -> str:
        done = subprocess.run(
            [CHECKOUT / "deploy/compose/make-secrets", place],
            input=given,
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        )
        return done.stdout + done.stderr

    said = make("it's a $(secret) \\n\n\nxoxb-1\n")
    made = {file.name: file.read_text() for file in place.iterdir()}
    assert set(made) == set(COMPOSE["secrets"])
    assert made["postgres_password"] == "it's a $(secret) \\n"
    assert (made["redis_password"], made["slack_token"]) == ("", "xoxb-1")
    assert len(made["webhook_token"]) == len(made["grafana_admin_password"]) == 48
    assert made["webhook_token"] != made["grafana_admin_password"]
    assert not [secret for secret in made.values() if secret and secret in said]
    assert place.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in place.iterdir()} == {0o444}
    make("other\nother\nother\n")
    assert {file.name: file.read_text() for file in place.iterdir()} == made
