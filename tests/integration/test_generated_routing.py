"""The generated routing under the real amtool: receivers by severity, causes mute symptoms."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from observer.generator import build, output
from observer.generator.overrides import Overrides
from observer.generator.pack import Pack, read_pack
from tests.generator_catalogue import declarations

pytestmark = pytest.mark.alertmanager  # it runs amtool

ROOT = Path(__file__).resolve().parents[2]


def _pack(parameters: dict[str, object]) -> Pack:
    site = Overrides()
    return read_pack(
        rules=ROOT / "rules",
        dashboards=ROOT / "dashboards",
        declarations=declarations(),
        overrides=site,
        parameters=site.merged_parameters(parameters),
    )


@pytest.fixture(scope="module")
def pack() -> Pack:
    return _pack({})


@pytest.fixture
def written(pack: Pack, tmp_path: Path) -> Path:
    output.write(build.all_files(pack), {"rules": tmp_path, "dashboards": tmp_path / "grafana"})
    return tmp_path / "alertmanager" / "alertmanager.yml"


def amtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["amtool", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=30
    )


def test_alertmanager_accepts_it(written: Path) -> None:
    """Every receiver is Observer's webhook."""
    checked = amtool("check-config", written)
    assert checked.returncode == 0, checked.stderr
    document = yaml.safe_load(written.read_text("utf-8"))
    urls = {hook["url"] for receiver in document["receivers"] for hook in receiver["webhook_configs"]}
    assert urls == {"http://observer:9188/api/v1/alerts"}
    assert document["route"]["group_by"] == ["alertname", "job", "instance", "target"]


@pytest.mark.parametrize("file", ["/run/secrets/webhook_token", "/etc/alertmanager/token", ""])
def test_webhooks_bear_the_token_of_a_file(file: str, tmp_path: Path) -> None:
    """Every receiver names the file of the site, never a token; without a file none is borne."""
    made = build.all_files(
        _pack({"webhook_token_file": file} if file != "/run/secrets/webhook_token" else {})
    )
    output.write(made, {"rules": tmp_path, "dashboards": tmp_path / "grafana"})
    written = tmp_path / "alertmanager" / "alertmanager.yml"
    assert amtool("check-config", written).returncode == 0
    hooks = [
        hook for r in yaml.safe_load(written.read_text("utf-8"))["receivers"] for hook in r["webhook_configs"]
    ]
    wanted = {"authorization": {"credentials_file": file}} if file else {}
    assert [hook["http_config"] for hook in hooks] == [wanted] * 3


def test_every_alert_reaches_the_receiver_of_its_severity(pack: Pack, written: Path) -> None:
    """What Alertmanager's own router says for the labels of every alert."""
    for alert in pack.alerts.values():
        labels = [f"{name}={value}" for name, value in alert.labels().items()]
        routed = amtool(
            "config", "routes", "test", f"--config.file={written}", f"alertname={alert.id}", *labels
        )
        assert routed.stdout.strip() == f"observer-{alert.source.severity}", routed.stderr
    unknown = amtool("config", "routes", "test", f"--config.file={written}", "alertname=Foreign")
    assert unknown.stdout.strip() == "observer-ticket"


def test_causes_mute_symptoms_of_the_same_place(pack: Pack, written: Path) -> None:
    """Within a kind on the same target only; an alert never mutes itself, nor more than it names."""
    document: dict[str, Any] = yaml.safe_load(written.read_text("utf-8"))
    muted: dict[str, set[str]] = {}
    for rule in document["inhibit_rules"]:
        cause = rule["source_matchers"][0].split('"')[1]
        symptoms = set(rule["target_matchers"][0].split('"')[1].split("|"))
        assert cause not in symptoms
        kin = {pack.alerts[name].signal.group == pack.alerts[cause].signal.group for name in symptoms}
        assert len(kin) == 1
        wanted = {"job", "instance"} | ({"target"} if kin == {True} and cause != "ObserverDown" else set())
        assert set(rule["equal"]) == wanted
        muted.setdefault(cause, set()).update(symptoms)
    assert muted == {name: set(a.source.mutes) for name, a in pack.alerts.items() if a.source.mutes}
