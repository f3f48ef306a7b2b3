"""The command: what it writes, what it leaves alone, and how it tells of drift."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from typer.testing import CliRunner

from observer.cli import generate as command
from observer.errors import ConfigurationError, NotAvailable
from observer.generator import sources
from observer.generator.faults import TemplateError
from observer.generator.parameters import Parameters
from tests.generator_catalogue import declarations

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


@pytest.fixture(autouse=True)
def _declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "own_declarations", declarations)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command.generate, [str(argument) for argument in arguments])


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    """Files that are as they should be are not touched, so that nothing reloads for nothing."""
    assert run("all", "--out", tmp_path).exit_code == 0
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}
    again = run("all", "--out", tmp_path)
    assert "0 of them changed" in again.stdout
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")} == before


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """With the file and what to do, and no traceback."""
    (tmp_path / "file").write_text("in the way", "utf-8")
    fault = run("all", "--out", tmp_path / "file").exception
    assert isinstance(fault, ConfigurationError)
    assert str(tmp_path / "file") in fault.sentence
    assert "--out" in fault.remedy


def test_check_tells_of_drift_and_writes_nothing(tmp_path: Path) -> None:
    """Exit 1 with a diff when a generated file was changed by hand; 0 when all is well."""
    run("all", "--out", tmp_path)
    assert run("all", "--out", tmp_path, "--check").exit_code == 0
    rules = tmp_path / "prometheus" / "rules" / "postgres.yml"
    text = rules.read_text("utf-8")
    rules.write_text(text.replace("for: 1m", "for: 9m"), "utf-8")
    checked = run("all", "--out", tmp_path, "--check")
    assert checked.exit_code == 1
    assert "-        for: 9m\n+        for: 1m\n" in checked.stdout
    assert "for: 9m" in rules.read_text("utf-8")


def test_only_what_was_generated_is_removed(tmp_path: Path) -> None:
    """A rule file of the user's own beside ours stays; ours of an alert that is switched off goes."""
    run("all", "--out", tmp_path)
    own = tmp_path / "prometheus" / "rules" / "mine.yml"
    own.write_text("groups: []\n", "utf-8")
    site = tmp_path / "site.yaml"
    site.write_text("alerts: {PostgresDown: {enabled: false}}\n", "utf-8")
    assert run("rules", "--out", tmp_path, "--overrides", site).exit_code == 0
    assert own.exists()
    assert not (tmp_path / "prometheus" / "tests" / "PostgresDown.yml").exists()
    rules = (tmp_path / "prometheus" / "rules" / "postgres.yml").read_text("utf-8")
    assert "PostgresDown" not in rules
    assert not list(tmp_path.rglob(".*")), "no temporary file is left"


def test_the_command_line_outranks_the_file(tmp_path: Path) -> None:
    """Defaults, then the site's file, then the options."""
    site = tmp_path / "site.yaml"
    site.write_text("parameters: {scrape_interval: 30s, job: watch}\n", "utf-8")
    assert run("prometheus", "--out", tmp_path, "--overrides", site, "--scrape-interval", "5s").exit_code == 0
    written = yaml.safe_load((tmp_path / "prometheus" / "prometheus.yml").read_text("utf-8"))
    assert written["global"]["scrape_interval"] == "5s"
    assert written["scrape_configs"][0]["job_name"] == "watch"


def test_any_parameter_can_be_set(tmp_path: Path) -> None:
    """Addresses too, so that a demonstration needs no file; a misspelt name is told."""
    done = run("prometheus", "--out", tmp_path, "--set", "observer_addresses=127.0.0.1:1, 127.0.0.1:2")
    assert done.exit_code == 0
    written = yaml.safe_load((tmp_path / "prometheus" / "prometheus.yml").read_text("utf-8"))
    assert written["scrape_configs"][0]["static_configs"][0]["targets"] == ["127.0.0.1:1", "127.0.0.1:2"]
    wrong = run("prometheus", "--out", tmp_path, "--set", "observer_adresses=x")
    assert isinstance(wrong.exception, TemplateError)
    assert "observer_addresses" in wrong.exception.remedy


def test_templates_are_found_in_a_checkout_and_in_a_wheel(tmp_path: Path) -> None:
    """Beside the package with its build file, else inside the package; nowhere is an error that says so."""
    checkout = tmp_path / "checkout"
    (checkout / "observer").mkdir(parents=True)
    (checkout / "rules").mkdir()
    (checkout / "pyproject.toml").touch()
    assert sources.folder_of("rules", package=checkout / "observer") == checkout / "rules"
    wheel = tmp_path / "site-packages"
    (wheel / "observer" / "data" / "rules").mkdir(parents=True)
    (wheel / "rules").mkdir()
    assert sources.folder_of("rules", package=wheel / "observer") == wheel / "observer" / "data" / "rules"
    with pytest.raises(NotAvailable):
        sources.folder_of("dashboards", package=wheel / "observer")


def test_every_parameter_and_alert_is_documented(tmp_path: Path) -> None:
    """What can be set stands in the documentation; what can fire stands in the index of runbooks."""
    text = (sources.PACKAGE.parent / "docs" / "rules.md").read_text("utf-8")
    assert [name for name in Parameters.model_fields if name not in text] == []
    run("rules", "--out", tmp_path)
    index = (tmp_path / "runbooks" / "README.md").read_text("utf-8")
    books = {path.name for path in (tmp_path / "runbooks").glob("*.md")} - {"README.md"}
    assert books
    assert all(f"]({book})" in index for book in books)
