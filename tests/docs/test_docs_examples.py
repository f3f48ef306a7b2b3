"""The examples: settings to begin with, and a collector."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml

from observer.cli import check
from observer.config.load import load
from observer.config.model import Settings
from observer.exporter.exposition import page, render
from observer.exporter.postgres.sqlfile import parse
from tests.docs.markdown import ROOT, blocks, text_of

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

EXAMPLE = ROOT / "deploy" / "observer.example.yml"
FOLDER = ROOT / "observer" / "exporter" / "postgres" / "sql"

_COMMENTED = re.compile(r"^( +)# (password_file|username): .*")


def test_the_example_settings_are_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    """``observer check`` takes the example as it is, and names every target that is switched on."""
    assert check.run(["--config", str(EXAMPLE)]) == 0
    shown = capsys.readouterr().out
    assert "postgres   app: observer@127.0.0.1:5432/app" in shown
    assert "hikari     app-1:" in shown
    assert "reports" not in shown


def test_the_example_settings_tell_the_defaults() -> None:
    """Every section is shown, and a value that the example gives is the default where there is one."""
    assert set(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))) == set(Settings.model_fields) - {"export"}
    settings, default = load(file=EXAMPLE), Settings()
    assert (settings.scrape, settings.log, settings.listen) == (default.scrape, default.log, default.listen)
    target = load(options={("postgres", 0, "dsn"): "host=db"}).postgres[0]
    shown = settings.postgres[0]
    assert shown.model_copy(update={"name": target.name, "dsn": target.dsn}) == target


def test_the_comments_of_the_example_can_be_used(tmp_path: Path) -> None:
    """A setting that stands in the example as a comment is accepted when it is uncommented."""
    secret = tmp_path / "secret"
    secret.write_text("x", encoding="utf-8")
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    uncommented = [_COMMENTED.sub(rf"\1\2: {secret}", line) for line in lines]
    assert sum(a != b for a, b in zip(lines, uncommented, strict=True)) == 5
    file = tmp_path / "observer.yml"
    file.write_text("\n".join(uncommented), encoding="utf-8")
    assert load(file=file).redis[0].password_file == secret


def test_the_example_collector_yields_what_its_document_shows() -> None:
    """The example is one of the collectors as it stands, and its lines are those that are shown."""
    text = text_of("docs/collectors.md")
    [source] = blocks(text, "sql")
    [shown] = blocks(text, "")
    assert source.strip() == (FOLDER / "prepared_xacts.sql").read_text(encoding="utf-8").strip()
    collector = parse(source, name="prepared_xacts")
    families = collector.families([("app", 2, 95.5), ("shop", 0, 0)])
    assert collector.name == "prepared_xacts"
    assert page([render(families, "")]).decode() == shown
