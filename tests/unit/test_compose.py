"""The Compose file and the Dockerfile: valid, pinned, closed, and of what the checkout holds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from observer import cli
from tests.dockerfile import options, parse, words

CHECKOUT = Path(__file__).resolve().parents[2]
FILE = CHECKOUT / "docker-compose.monitoring.yml"
DEFAULT = re.compile(r"\$\{\w+:-([^}]*)\}")
VARIABLE = re.compile(r"\$\{[^}]*\}?|\$\w+")


def interpolated(node: Any) -> Any:
    """The file as it is without any variable set."""
    if isinstance(node, dict):
        return {key: interpolated(value) for key, value in node.items()}
    if isinstance(node, list):
        return [interpolated(value) for value in node]
    return DEFAULT.sub(lambda match: match[1], node) if isinstance(node, str) else node


WRITTEN: dict[str, Any] = yaml.safe_load(FILE.read_text())
COMPOSE: dict[str, Any] = interpolated(WRITTEN)
SERVICES: dict[str, Any] = COMPOSE["services"]
INSTRUCTIONS = parse((CHECKOUT / "Dockerfile").read_text())

each_service = pytest.mark.parametrize("name", sorted(SERVICES))


def of(keyword: str) -> list[str]:
    return [instruction.rest for instruction in INSTRUCTIONS if instruction.keyword == keyword]


@pytest.mark.parametrize("document", [WRITTEN, COMPOSE], ids=["as written", "interpolated"])
def test_the_file_is_valid_by_the_specification(document: dict[str, Any]) -> None:
    """The Compose specification's own schema finds nothing."""
    schema = json.loads((CHECKOUT / "tests/data/compose-spec/compose-spec.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    assert [f"{list(e.path)}: {e.message}" for e in validator.iter_errors(document)] == []
    assert not validator.is_valid(document | {"services": {"observer": {"imagee": "x"}}})


def test_every_variable_has_a_default() -> None:
    """Nothing need be set before the first start."""
    assert VARIABLE.findall(json.dumps(COMPOSE)) == []


def test_there_are_the_four_services() -> None:
    assert set(SERVICES) == {"observer", "prometheus", "alertmanager", "grafana"}


@each_service
def test_images_are_pinned(name: str) -> None:
    """A tag with a full version, which a variable may change."""
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", SERVICES[name]["image"])
    assert "${" in WRITTEN["services"][name]["image"]


@each_service
def test_containers_are_closed(name: str) -> None:
    """No root, no capability, no new privilege, a read-only file system, bounded memory and processes."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["user"].split(":")[0]) > 0
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["pids_limit"] > 0
    assert service["restart"] == "unless-stopped"
    assert "privileged" not in service
    assert "cap_add" not in service


@each_service
def test_ports_are_bound_to_this_machine(name: str) -> None:
    """Nothing is reachable from other machines without a decision."""
    for port in SERVICES[name]["ports"]:
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


@each_service
def test_mounted_files_exist(name: str) -> None:
    """Every path of the checkout is there and read-only, and every other mount is a declared volume."""
    for volume in SERVICES[name]["volumes"]:
        source, _, mode = volume.split(":") if volume.count(":") == 2 else (*volume.split(":"), "rw")
        if source.startswith("./"):
            assert (CHECKOUT / source).exists(), source
            assert mode == "ro", volume
        else:
            assert source in COMPOSE["volumes"]


@each_service
def test_every_container_is_probed(name: str) -> None:
    """A healthcheck without a shell, with its times."""
    check = SERVICES[name]["healthcheck"]
    kind, program, *arguments = check["test"]
    assert kind == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)
    if program == "observer":
        assert arguments[0] in cli.COMMANDS
    else:
        # BusyBox has it in all three images; it knows these options and no long ones.
        assert [program, *arguments[:3]] == ["wget", "-q", "-O", "/dev/null"]
        (published,) = SERVICES[name]["ports"]
        assert arguments[3].startswith(f"http://127.0.0.1:{published.rsplit(':', 1)[1]}/")


@each_service
def test_no_secret_is_in_the_environment(name: str) -> None:
    """A variable that names a secret holds the path of its file, which is mounted."""
    service = SERVICES[name]
    for variable, value in service.get("environment", {}).items():
        if re.search(r"PASSWORD|TOKEN|SECRET|KEY|DSN", variable):
            assert variable.endswith("__FILE")
            assert value.removeprefix("/run/secrets/") in service["secrets"]


def test_secrets_are_files_that_the_script_makes() -> None:
    """Each declared secret is a file, is mounted somewhere, is made by the script, and is never committed."""
    script = (CHECKOUT / "deploy/compose/make-secrets").read_text()
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used == set(COMPOSE["secrets"])
    for name, secret in COMPOSE["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
        assert re.search(rf"^(asked|made) {name}\b", script, re.MULTILINE), name
    assert "secrets/" in (CHECKOUT / ".gitignore").read_text().splitlines()


def test_shipped_settings_name_every_secret_of_observer() -> None:
    """The settings know where each secret is mounted, and name none that is not."""
    settings = (CHECKOUT / "deploy/compose/observer.yml").read_text()
    named = set(re.findall(r"/run/secrets/(\w+)", settings))
    assert named == set(SERVICES["observer"]["secrets"])


def test_only_observer_joins_the_network_of_the_service() -> None:
    """It is the user's own network, MealSync's unless a variable says otherwise."""
    assert COMPOSE["networks"]["watched"] == {"external": True, "name": "mealsync-network"}
    assert [name for name, service in SERVICES.items() if "watched" in service["networks"]] == ["observer"]
    assert all("monitoring" in service["networks"] for service in SERVICES.values())


def test_prometheus_keeps_what_the_rules_look_back_on() -> None:
    """The generated configuration says how long that is."""
    generated = (CHECKOUT / "rules/generated/prometheus/prometheus.yml").read_text()
    wanted = re.search(r"--storage\.tsdb\.retention\.time=(\d+)d", generated)
    (given,) = (
        word
        for word in SERVICES["prometheus"]["command"]
        if word.startswith("--storage.tsdb.retention.time=")
    )
    kept = re.fullmatch(r".*=(\d+)d", given)
    assert wanted is not None
    assert kept is not None
    assert int(kept[1]) >= int(wanted[1])


def test_names_in_generated_configurations_are_services() -> None:
    """The generated files look for each other by the names, and ports, that the services have here."""
    files = ["rules/generated", "dashboards/generated/provisioning"]
    text = "".join(file.read_text() for folder in files for file in (CHECKOUT / folder).rglob("*.yml"))
    for name, port in {"observer": 9188, "prometheus": 9090, "alertmanager": 9093}.items():
        assert f"{name}:{port}" in text
        assert SERVICES[name]["ports"][0].endswith(f":{port}")


def test_grafana_finds_what_it_is_given() -> None:
    """The dashboards lie where the provisioning looks, and the home page is one of them."""
    provider = yaml.safe_load(
        (CHECKOUT / "dashboards/generated/provisioning/dashboards/observer.yml").read_text()
    )["providers"][0]
    grafana = SERVICES["grafana"]
    mounted = {volume.split(":")[1]: volume.split(":")[0] for volume in grafana["volumes"]}
    source = mounted[provider["options"]["path"]]
    assert {"datasources", "dashboards"} <= {p.name for p in (CHECKOUT / source / "provisioning").iterdir()}
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (CHECKOUT / home.replace(provider["options"]["path"], source)).is_file()


def test_the_image_is_pinned_and_its_user_is_nobody_in_particular() -> None:
    """The base has a full version, and the user is the one that the Compose file names."""
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.\d+\.\d+-slim-\w+", of("ARG")[0])
    assert of("USER") == [SERVICES["observer"]["user"]]
    assert of("ENTRYPOINT") == ['["observer"]']
    assert words(of("CMD")[0])[0] in cli.COMMANDS
    assert options(of("HEALTHCHECK")[0])[1] == 'CMD ["observer", "healthcheck"]'
    assert SERVICES["observer"]["healthcheck"]["test"] == ["CMD", "observer", "healthcheck"]
    assert words(of("VOLUME")[0]) == [
        v.split(":")[1] for v in SERVICES["observer"]["volumes"] if v.startswith("observer-state:")
    ]


def test_all_that_is_installed_from_outside_is_checked_by_hash() -> None:
    """Each pip install takes a lock with hashes, or looks at no index."""
    installs = [
        part for run in of("RUN") for part in run.split("&&") if " install " in part and "pip" in part
    ]
    assert len(installs) == 3
    for install in installs:
        assert "--require-hashes" in install or "--no-index" in install


def test_the_build_sees_what_it_copies_and_nothing_secret() -> None:
    """The ignore file begins with everything, and lets through exactly what is copied."""
    lines = (CHECKOUT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_through = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {
        source
        for rest in of("COPY")
        if "from" not in options(rest)[0]
        for source in words(options(rest)[1])[:-1]
    }
    assert copied == let_through
