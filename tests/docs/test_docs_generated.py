"""The parts of the documents that follow from the code."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import observer
from docs import generate
from observer.app.catalogue import catalogue
from observer.cli import COMMANDS, EXIT_CODES
from observer.errors import ObserverError
from observer.exporter.postgres import sqlfile
from tests.docs.markdown import first_cells, text_of


@pytest.mark.parametrize("document", generate.PARTS)
def test_the_generated_parts_are_as_the_code_says(document: str) -> None:
    """Settings, metrics, commands and exit codes in the documents are those of the code."""
    assert text_of(f"docs/{document}") == generate.renewed(document), "run: python -m docs.generate"


def test_every_setting_is_documented() -> None:
    """No setting is left out, and each says what it means."""
    settings = generate.settings()
    assert {setting.path for setting in settings} == first_cells(text_of("docs/configuration.md"))
    assert not [setting.path for setting in settings if not setting.meaning]


def test_a_variable_of_the_reference_sets_its_setting() -> None:
    """The name of an environment variable in the reference is the one that is read."""
    from observer.config.load import load

    variables = {setting.path: setting.variable for setting in generate.settings()}
    loaded = load(
        environment={
            variables["postgres[].dsn"]: "postgresql://observer@127.0.0.1/app",
            variables["postgres[].statements.top"]: "7",
            variables["scrape.max_age"]: "300ms",
        }
    )
    assert loaded.postgres[0].statements.top == 7
    assert loaded.scrape.max_age == 0.3


def test_every_metric_is_documented() -> None:
    """Each metric of the catalogue, and no other, has a row that says what it means."""
    metrics = catalogue()
    assert {metric.name for metric in metrics} == first_cells(text_of("docs/metrics.md"))
    assert not [metric.name for metric in metrics if not metric.help]


def test_every_command_is_documented() -> None:
    """Each command has its help in the documents."""
    text = text_of("docs/cli.md")
    assert not [command for command in COMMANDS if f"## `observer {command}`\n" not in text]
    assert "## `observer generate rules`\n" in text
    assert "## `observer sql role`\n" in text


def test_every_exit_code_is_documented() -> None:
    """Each exit code that an error can end the program with is declared, and stands in the documents."""
    text = text_of("docs/cli.md")
    assert not [code for code, meaning in EXIT_CODES.items() if f"| {code} | {meaning} |" not in text]
    assert {kind.exit_code for kind in _errors("")} <= set(EXIT_CODES)


def test_every_reason_of_a_fault_is_documented() -> None:
    """Each code that a fault of a target can have stands in the table of reasons."""
    of_calls = {"unknown-target"}
    codes = {kind.code for room in ("errors", "targets", "exporter") for kind in _errors(room)} - of_calls
    assert {"fault", "unreachable", "permission"} <= codes
    assert codes <= first_cells(text_of("docs/operations.md"))


def test_every_key_of_a_collector_is_documented() -> None:
    """What may stand in the header of a collector's file is told where collectors are described."""
    assert first_cells(text_of("docs/collectors.md")) == sqlfile._KEYS


def _errors(room: str) -> set[type[ObserverError]]:
    """The kinds of error that a room defines; of all rooms when none is named."""
    for module in pkgutil.walk_packages(observer.__path__, "observer."):
        # Migrations are loaded by their tool only.
        if module.name != "observer.__main__" and ".migrations" not in module.name:
            importlib.import_module(module.name)
    found = {ObserverError}
    while more := {child for kind in found for child in kind.__subclasses__()} - found:
        found |= more
    return {kind for kind in found if f"{kind.__module__}.".startswith(f"observer.{room}")}
