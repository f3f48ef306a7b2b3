"""Generated rules under the real promtool: they load, fire and stay silent, and their tests can fail."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from observer.generator import build, output
from observer.generator.documents import yaml_text
from observer.generator.overrides import Overrides
from observer.generator.pack import Pack, read_pack
from observer.generator.signals import Threshold
from tests.generator_catalogue import declarations

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from observer.generator.signals import Signal

pytestmark = pytest.mark.prometheus  # it runs promtool

ROOT = Path(__file__).resolve().parents[2]
SITES: dict[str, dict[str, object]] = {
    "as shipped": {},
    "a demonstration": {"scrape_interval": "5s", "for_scale": 0.1, "range_scale": 0.1},
    "slow scrapes": {"scrape_interval": "60s"},
}


def pack_for(parameters: Mapping[str, object]) -> Pack:
    site = Overrides({"parameters": dict(parameters)}, file="site.yaml")
    return read_pack(
        rules=ROOT / "rules",
        dashboards=ROOT / "dashboards",
        declarations=declarations(),
        overrides=site,
        parameters=site.merged_parameters({}),
    )


@pytest.fixture(scope="module")
def shipped() -> Pack:
    return pack_for({})


def generate(pack: Pack, folder: Path) -> Path:
    output.write(build.all_files(pack), {"rules": folder, "dashboards": folder / "grafana"})
    return folder / "prometheus"


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Both streams as one: promtool names the file on one and the fault on the other."""
    return subprocess.run(
        ["promtool", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )


def failures(folder: Path, only: str = "*") -> dict[str, list[str]]:
    """The names of the cases that failed, by alert."""
    tested = promtool("test", "rules", *sorted((folder / "tests").glob(f"{only}.yml")))
    found = failed_cases(tested.stdout)
    assert (tested.returncode == 0) == (not any(found.values())), tested.stdout
    return found


def failed_cases(told: str) -> dict[str, list[str]]:
    """What promtool tells, by alert."""
    parts = re.split(r"^Unit Testing: +(\S+)$", told, flags=re.MULTILINE)[1:]
    return {
        Path(file).stem: re.findall(r"name: ((?:fires|silent) when .*),$", text, flags=re.MULTILINE)
        for file, text in zip(parts[::2], parts[1::2], strict=True)
    }


@pytest.mark.parametrize("site", SITES)
def test_rules_load_and_every_case_holds(site: str, tmp_path: Path) -> None:
    """For each site: rules without lint, a valid configuration, and every case as its author says."""
    pack = pack_for(SITES[site])
    folder = generate(pack, tmp_path)
    checked = promtool(
        "check", "rules", "--lint=all", "--lint-fatal", *sorted((folder / "rules").glob("*.yml"))
    )
    assert checked.returncode == 0, checked.stdout
    configured = promtool("check", "config", folder / "prometheus.yml")
    assert configured.returncode == 0, configured.stdout
    assert failures(folder) == {alert: [] for alert in pack.alerts}


FLIPPED = {"above": "below", "below": "above", "at_least": "below"}


def flipped(threshold: Threshold) -> Threshold:
    if threshold.side == "equals":
        return Threshold(above=threshold.value)
    return Threshold.model_validate({FLIPPED[threshold.side]: threshold.value})


def far_away(threshold: Threshold) -> Threshold:
    """A thousandfold in the direction that is harder to reach."""
    value = threshold.value
    moved = {"equals": value + 1000, "below": value / 1000 if value else -1000.0}
    return Threshold.model_validate({threshold.side: moved.get(threshold.side, (value or 1) * 1000)})


def mutated(signal: Signal, change: Callable[[Threshold], Threshold]) -> Signal:
    threshold = signal.source.threshold
    assert threshold is not None
    source = signal.source.model_copy(update={"threshold": change(threshold)})
    return dataclasses.replace(signal, source=source)


def rewrite(pack: Pack, folder: Path, changed: dict[str, str]) -> None:
    """Put other expressions into the generated rules; the tests stay as they are."""
    for group in {alert.signal.group for alert in pack.alerts.values()}:
        document = build.rule_document(pack, group, changed=changed)
        (folder / "rules" / f"{group}.yml").write_text(yaml_text(document, header=output.HEADER), "utf-8")


@pytest.mark.parametrize("change", [flipped, far_away], ids=["comparison flipped", "threshold times 1000"])
def test_a_broken_threshold_breaks_a_firing_case(
    shipped: Pack, tmp_path: Path, change: Callable[[Threshold], Threshold]
) -> None:
    """No firing case passes by accident: each alert, changed so, fails one of its own."""
    folder = generate(shipped, tmp_path)
    rewrite(
        shipped,
        folder,
        {a.id: shipped.expressions.condition(mutated(a.signal, change)) for a in shipped.alerts.values()},
    )
    failed = failures(folder)
    survived = [name for name in shipped.alerts if not any(c.startswith("fires") for c in failed[name])]
    assert survived == []


def test_a_missing_guard_breaks_a_silent_case(shipped: Pack, tmp_path: Path) -> None:
    """Every guard is there for a case that would fire without it."""
    guards = [(a.id, guard) for a in shipped.alerts.values() for guard in a.signal.guard_names]
    needless = []
    folder = generate(shipped, tmp_path)
    for name, guard in guards:
        alert = shipped.alerts[name]
        rewrite(shipped, folder, {name: shipped.expressions.condition(alert.signal, without=guard)})
        if not any(case.startswith("silent") for case in failures(folder, only=name)[name]):
            needless.append((name, guard))
    assert needless == []


def test_the_committed_rules_are_what_the_templates_say(shipped: Pack) -> None:
    """Templates and generated files never drift apart in a commit."""
    files = build.all_files(shipped)
    roots = {"rules": ROOT / "rules" / "generated", "dashboards": ROOT / "dashboards" / "generated"}
    assert output.differences(files, roots) == ""


def test_the_same_templates_give_the_same_bytes(shipped: Pack) -> None:
    """No clock, no chance, no order of a set reaches the output."""
    assert build.all_files(shipped) == build.all_files(pack_for({}))
